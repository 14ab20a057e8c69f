"""What events hold of a person: memberships, help requests, and whom they blocked."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from events.models import Block, HelpRequest, Membership
from events.rules import Role

ERASED = "(erased)"


def export(user: User) -> dict[str, Any]:
    memberships = Membership.objects.filter(user=user).order_by("created_at")
    requests = HelpRequest.objects.filter(requester=user).order_by("created_at")
    return {
        "memberships": list(
            memberships.values("event_id", "event__name", "role", "tags", "joined_at", "removed_at", "muted_until",
                               "suspended_until")
        ),
        "help_requests": list(requests.values("id", "event_id", "title", "details", "status", "created_at")),
        "blocks": list(Block.objects.filter(blocker=user).values("blocked_id", "created_at")),
    }  # fmt: skip


def leaves(user: User) -> list[str]:
    """Events that nobody else organizes."""
    others = Membership.objects.filter(event=OuterRef("event"), role=Role.ORGANIZER, removed_at=None).exclude(user=user)
    alone = Membership.objects.filter(~Exists(others), user=user, role=Role.ORGANIZER, removed_at=None)
    names = alone.order_by("event__name").values_list("event__name", flat=True)
    return [f"Nobody else organizes “{name}”: make somebody an organizer of it." for name in names]


@transaction.atomic
def erase(user: User) -> int:
    """Memberships stay as rows, which messages and quotas are of; nobody is texted or handed anything by them."""
    now = timezone.now()
    left = Membership.objects.filter(user=user, removed_at=None).update(removed_at=now)
    untagged = Membership.objects.filter(user=user).exclude(tags=[]).update(tags=[])
    closed = HelpRequest.objects.filter(requester=user).update(
        title=ERASED, details=ERASED, status=HelpRequest.Status.CLOSED
    )
    unblocked, _ = Block.objects.filter(Q(blocker=user) | Q(blocked=user)).delete()
    return left + untagged + closed + unblocked
