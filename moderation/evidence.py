"""What is kept of a message when it is reported: as it was, with what came before it, under a hash.

The text is there also where a placeholder is shown; of what came before, only what could still be read.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from messaging import shapes
from messaging.models import Message
from moderation.models import Evidence

MOST_BEFORE = 10
_FIXED_FORM = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def freeze(message_id: UUID, *, now: datetime | None = None) -> Evidence:
    """As the owner, in the transaction of what it is evidence for."""
    now = now or timezone.now()
    message = Message.objects.select_related("sender").get(id=message_id)
    parts = {
        "message": {**_kept(message), "content": message.content},
        "context": [_kept(before) for before in _before(message)],
        "frozen_at": now,
    }
    body = orjson.dumps(parts, option=_FIXED_FORM)
    return Evidence.objects.create(
        message_id=message_id, body=body.decode(), sha256=hashlib.sha256(body).digest(), frozen_at=now
    )


def shown(evidence: Evidence, viewer: User) -> dict:
    """As it was kept, and the hash over it."""
    parts = orjson.loads(evidence.body)
    return {
        "message": _as_seen(parts["message"], viewer),
        "context": [_as_seen(message, viewer) for message in parts["context"]],
        "sha256": bytes(evidence.sha256).hex(),
        "frozen_at": parts["frozen_at"],
    }


def text(evidence: Evidence) -> str:
    return orjson.loads(evidence.body)["message"]["content"]


def _before(message: Message) -> list[Message]:
    """Oldest first, by message_conversation_latest. What is held was said to nobody."""
    if message.conversation_id is None:
        return []
    earlier = Message.objects.filter(conversation_id=message.conversation_id, held_at=None).filter(
        Q(created_at__lt=message.created_at) | Q(created_at=message.created_at, id__lt=message.id)
    )
    found = list(earlier.select_related("sender").order_by("-created_at", "-id")[:MOST_BEFORE])
    return found[::-1]


def _kept(message: Message) -> dict[str, Any]:
    """Without what depends on who looks at it."""
    kept = shapes.message(message, message.sender)
    del kept["is_own_message"]
    return kept


def _as_seen(kept: dict, viewer: User) -> dict:
    return {**kept, "is_own_message": kept["sender_id"] == str(viewer.id)}
