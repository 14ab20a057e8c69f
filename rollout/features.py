"""What a person's requests in an event really use."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from accounts.models import User
from api.database import Statement, in_one_trip
from events.access import access_event
from rollout import names

# The statement that tells it, as one row with the column `is_used`, in the asking person's name.
Provider = Callable[[UUID], Statement]


def _read_model(event_id: UUID) -> Statement:
    return "SELECT rollout_read_model(%s, callboard_uid()) = 'v2' AS is_used", [event_id]


def _always(event_id: UUID) -> Statement:
    return "SELECT true AS is_used", []


# Without a legacy bridge there is nothing but the new tables.
_providers: dict[str, Provider] = {names.MESSAGING_V2: _always, names.MESSAGES_READMODEL_V2: _read_model}


def register(name: str, provider: Provider) -> None:
    _providers[name] = provider


def of(event_id: UUID, *, by: User) -> dict[str, bool]:
    """One round trip for a member; staff who are none are looked for after it."""
    asked = [provider(event_id) for provider in _providers.values()]
    membership, *answers = in_one_trip(by, _membership(event_id), *asked)
    if not membership:
        access_event(event_id, by=by)
    return {name: rows[0].is_used for name, rows in zip(_providers, answers, strict=True)}


def _membership(event_id: UUID) -> Statement:
    return (
        "SELECT true AS is_one FROM events_membership"
        " WHERE event_id = %s AND user_id = (SELECT callboard_uid()) AND removed_at IS NULL",
        [event_id],
    )
