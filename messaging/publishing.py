"""Messages to an event at large: announcements, and channel messages to those who share a tag.

Whether somebody may publish, and how often, is for the caller to say. The message stands when `publish` commits; the
deliveries follow in batches, each a transaction of its own that may be repeated.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from uuid_utils.compat import uuid7

from accounts.models import User
from api import wakeups
from api.database import as_owner
from messaging.models import Message
from messaging.sql import statement

SEND_TEXTS = "messaging.tasks.send_texts"
BATCH = 5000
FIRST = UUID(int=0)


class Batch(NamedTuple):
    # Where the next one begins; None after the last.
    upto: UUID | None
    written: int


def publish(
    *,
    by: User,
    event_id: UUID,
    message_type: str,
    content: str,
    roles: Collection[str] = (),
    tags: Collection[str] = (),
) -> Message:
    """To the members in one of these roles who share one of these tags; none of either is everyone."""
    message = Message(
        id=uuid7(),
        event_id=event_id,
        message_type=message_type,
        sender=by,
        content=content,
        roles=list(roles),
        tags=list(tags),
    )
    values = [message.id, event_id, message_type, by.id, content, message.roles, message.tags]
    with transaction.atomic(), as_owner(), connection.cursor() as cursor:
        cursor.execute(statement("publish"), values)
        (message.created_at,) = cursor.fetchone()
    return message


def deliver(
    message: Message,
    *,
    after: UUID = FIRST,
    batch: int = BATCH,
    is_texted: bool = False,
    valid_until: datetime | None = None,
) -> Batch:
    """Hands it to the next members it concerns as they are now, never to its sender, nor to who joined after it.

    With texts each of them has one in the outbox then, which is not sent after `valid_until`.
    """
    values = {
        "message_id": message.id,
        "event_id": message.event_id,
        "after": after,
        "batch": batch,
        "sms_status": "queued" if is_texted else None,
        "valid_until": valid_until,
    }
    with transaction.atomic(), as_owner(), connection.cursor() as cursor:
        cursor.execute(statement("deliver", texts="texts_made" if is_texted else "texts_none"), values)
        found = Batch(*cursor.fetchone())
    if is_texted and found.written:
        wakeups.after_commit(SEND_TEXTS)
    return found


def deliver_all(message: Message, *, batch: int = BATCH) -> int:
    written, done = 0, Batch(FIRST, 0)
    while done.upto is not None:
        done = deliver(message, after=done.upto, batch=batch)
        written += done.written
    return written
