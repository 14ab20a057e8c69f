"""People as the API shows them."""

from __future__ import annotations

from accounts.models import User


def user(person: User) -> dict:
    return {
        "id": person.id,
        "username": person.username,
        "name": person.name,
        "avatar_url": person.avatar_url,
    }
