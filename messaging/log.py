"""The log that the live stream reads: a row for each audience, in the transaction that does the work.

What a person's own writes tell, the functions of the database write; this is for work that runs as the owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api.database import as_owner
from messaging.models import LogEntry


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
