"""What the rollout holds of a person: the flags that name them."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from rollout.models import Comparison, Flag


def export(user: User) -> dict[str, Any]:
    return {
        "flags": list(Flag.objects.filter(users=user).values_list("name", flat=True)),
        "comparisons": list(Comparison.objects.filter(person_id=user.id).values("at", "event_id", "role")),
    }


def erase(user: User) -> int:
    gone, _ = Flag.users.through.objects.filter(user=user).delete()
    return gone + Comparison.objects.filter(person_id=user.id).delete()[0]
