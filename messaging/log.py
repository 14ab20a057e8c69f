"""The log that the live stream reads: a row for each audience, in the transaction that does the work.

What a person's own writes tell, the functions of the database write; this is for work that runs as the owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from api.database import as_owner
from messaging.models import LogEntry, LogFloor

BATCH = 10_000


def add(
    kind: str,
    *,
    event_id: UUID,
    conversation_id: UUID | None = None,
    user_id: UUID | None = None,
    message_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """To those in a conversation, to one person, or, with neither, to the event. Ids and states only."""
    with as_owner():
        LogEntry.objects.create(
            kind=kind,
            event_id=event_id,
            conversation_id=conversation_id,
            user_id=user_id,
            message_id=message_id,
            data=data,
        )


def add_for_people(kind: str, *, event_id: UUID, data: Mapping[UUID, dict[str, Any]]) -> None:
    """The same to each of these people, with what it says to them."""
    with as_owner():
        LogEntry.objects.bulk_create(
            [LogEntry(kind=kind, event_id=event_id, user_id=person, data=said) for person, said in data.items()]
        )


def purge(*, batch: int = BATCH) -> int:
    """Forgets what is older than is kept; how many rows. Whoever comes back by an older id is told to begin anew."""
    removed = 0
    while found := _purge_batch(batch):
        removed += found
    return removed


@transaction.atomic
def _purge_batch(batch: int) -> int:
    """In the order of transactions, and in the same one since when the log is whole."""
    rows = LogEntry.objects.order_by("xid", "id").values_list("xid", "created_at")[:batch]
    until = timezone.now() - settings.LOG_KEPT
    old = [xid for xid, _ in takewhile(lambda row: row[1] < until, rows)]
    if not old:
        return 0
    LogFloor.objects.update_or_create(id=1, defaults={"xid": old[-1] + 1})
    removed, _ = LogEntry.objects.filter(xid__lte=old[-1]).delete()
    return removed
