"""An open case, without all that makes one."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from messaging.models import Message
from moderation import evidence
from moderation.models import Case


def open_case(event, sender, waiting_since: datetime) -> Case:
    message = Message.objects.create(
        id=uuid4(), event=event, message_type="announcement", sender=sender, content="Hello"
    )
    return Case.objects.create(
        event=event,
        message=message,
        sender=sender,
        evidence=evidence.freeze(message.id, now=waiting_since),
        first_reported_at=waiting_since,
        waiting_since=waiting_since,
    )
