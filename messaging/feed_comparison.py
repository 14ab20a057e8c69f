"""How the two read models are read beside each other, for `rollout.shadow`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from accounts.models import User
from api.database import in_one_trip
from messaging.reads import TOP
from messaging.sql import statement
from rollout.shadow import Place, Window


def read(model: str, *, event_id: UUID, window: Window, by: User) -> Sequence[Place]:
    """The way that a request's page goes, without making items of it."""
    values = [event_id, *(window.before or TOP), window.limit, model]
    (found,) = in_one_trip(by, ("SELECT created_at, message_id FROM feed_live(%s, %s, %s, %s, %s)", values))
    return [(row.created_at, row.message_id) for row in found]


def explain(*, event_id: UUID, ids: Collection[UUID], by: User) -> Collection[UUID]:
    """Those that were delivered, and whose roles or tags the member has no longer."""
    (found,) = in_one_trip(by, (statement("feed_explained"), [event_id, list(ids)]))
    return {row.id for row in found}
