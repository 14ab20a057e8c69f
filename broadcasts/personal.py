"""What broadcasts hold of a person: what they ordered, and what is left of their quota."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from broadcasts.models import Broadcast, Quota

ERASED = "(erased)"


def export(user: User) -> dict[str, Any]:
    ordered = Broadcast.objects.filter(sender=user).order_by("created_at", "id")
    return {
        "broadcasts": ordered.values(
            "id", "event_id", "kind", "content", "roles", "tags", "sms", "status", "created_at", "send_at", "audience"
        ).iterator(),
        "quotas": list(Quota.objects.filter(user=user).values("event_id", "phase", "used", "allowed", "counted_since")),
    }


def erase(user: User) -> int:
    """What is scheduled ends by itself: at its time its sender is no member any more."""
    return Broadcast.objects.filter(sender=user).exclude(content=ERASED).update(content=ERASED, request_id=None)
