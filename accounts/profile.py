"""What a person reads about themselves. Their memberships belong to an app further left, which registers them."""

from __future__ import annotations

from collections.abc import Callable

from accounts import shapes
from accounts.models import User

Memberships = Callable[[User], list[dict]]
_memberships: Memberships | None = None


def register_memberships(provider: Memberships) -> None:
    global _memberships
    _memberships = provider


def me(user: User) -> dict:
    return {
        **shapes.user(user),
        "phone": user.phone,
        "memberships": _memberships(user) if _memberships else [],
    }
