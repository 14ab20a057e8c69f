"""Everything that is a person's: exported as one document, or erased, as each app says of what it keeps.

An erasure locks the person out first and then goes from app to app, in batches; it may be run again, also after it was
broken off, and finds what is left. What must stay stays: the audit (ids and states), evidence of decided cases, a
phone's opt-out, and the row of the account itself, which then says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from accounts import audit, tokens
from accounts.models import User

# What an erased person is called wherever others would be named.
FORMER_MEMBER = "Former member"
# In the audit.
ERASED_ACTION = "person_erased"

# A document of what an app keeps of somebody: values that JSON knows, and iterators for what may be long.
Export = Callable[[User], dict[str, Any]]
# Takes it away, and says how many rows that was; called outside any transaction, with the person as they were.
Erase = Callable[[User], int]
# What would be without somebody who looks after it, in words for whoever erases.
Leaves = Callable[[User], list[str]]


class Part(NamedTuple):
    export: Export
    erase: Erase
    leaves: Leaves | None


_parts: dict[str, Part] = {}


class Refused(Exception):
    """Why this account cannot be erased now."""


def register(name: str, *, export: Export, erase: Erase, leaves: Leaves | None = None) -> None:
    """In the order in which apps start, which is from left to right: what refers to others goes first."""
    if name in _parts:
        raise ValueError(f"{name} is registered already")
    _parts[name] = Part(export, erase, leaves)


def document(user: User) -> Iterator[tuple[str, Any]]:
    """Section by section."""
    yield "exported_at", timezone.now()
    for part in _parts.values():
        yield from part.export(user).items()


def left_alone(user: User) -> list[str]:
    """To be told ahead of an erasure, which is not refused for it: a person may not have to wait for their right."""
    return [said for part in _parts.values() if part.leaves for said in part.leaves(user)]


def erase(user: User, *, by: User | None) -> dict[str, int]:
    """How many rows each app changed or took away; `by` is empty for the command line."""
    if user.is_superuser:
        raise Refused("A superuser is not erased: take that right away first.")
    if by is not None and by.pk == user.pk:
        raise Refused("Nobody erases themselves: ask another administrator.")
    if is_erased(user):
        raise Refused("This person was erased already.")
    _lock_out(user, by=by)
    erased = {name: part.erase(user) for name, part in _parts.items()}
    with transaction.atomic():
        # Another who erases them at the same time may have come first.
        if _empty(user):
            audit.record(by=by, action=ERASED_ACTION, target=user, **erased)
    return erased


def former_username(user_id: Any) -> str:
    return f"former-{user_id.hex}"


def is_erased(user: User) -> bool:
    return user.username == former_username(user.id)


@transaction.atomic
def _lock_out(user: User, *, by: User | None) -> None:
    """Before anything else, so that nothing new comes while the old goes."""
    User.objects.filter(id=user.id).update(is_active=False)
    tokens.revoke_all(user.tokens.all(), by=by)
    audit.record(by=by, action="person_erasure_began", target=user)


def _empty(user: User) -> bool:
    found = User.objects.select_for_update().get(id=user.id)
    if is_erased(found):
        return False
    found.username, found.name, found.phone, found.avatar_url = former_username(user.id), FORMER_MEMBER, None, None
    found.is_active = found.is_staff = False
    found.last_login = None
    found.set_unusable_password()
    found.save()
    found.groups.clear()
    found.user_permissions.clear()
    found.tokens.all().delete()
    return True
