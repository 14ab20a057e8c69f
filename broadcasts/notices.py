"""What other systems are told of broadcasts: ids, states and numbers, never what was written."""

from __future__ import annotations

from uuid import UUID

from api import outgoing
from broadcasts.models import Broadcast
from events.models import CHECK_EVENT

PUBLISHED = "broadcast.published"
FAILED = "broadcast.failed"
USED_UP = "quota.used_up"
TYPES = (PUBLISHED, FAILED, USED_UP)


def tell_end(broadcast: Broadcast) -> None:
    """That it was published, or why not; nothing of one that is made for testing."""
    if broadcast.event_id == CHECK_EVENT:
        return
    is_published = broadcast.status == Broadcast.Status.PUBLISHED
    outgoing.tell(
        PUBLISHED if is_published else FAILED,
        {
            "broadcast_id": broadcast.id,
            "event_id": broadcast.event_id,
            "sender_id": broadcast.sender_id,
            "kind": broadcast.kind,
            "status": broadcast.status,
            "message_id": broadcast.message_id,
            "audience": broadcast.audience,
            "send_at": broadcast.send_at,
            "published_at": broadcast.published_at,
            "failure_reason": broadcast.failure_reason,
        },
    )


def tell_used_up(event_id: UUID, user_id: UUID, phase: str, resets_at) -> None:
    outgoing.tell(USED_UP, {"event_id": event_id, "user_id": user_id, "phase": phase, "resets_at": resets_at})
