"""Who is in an event, as what. Staff and operators decide that; the API's role may not, so this runs as the owner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from api import text
from api.database import as_owner
from events.models import TAG_LENGTH, Event, Membership
from events.rules import Role


def cleaned_tags(tags: Iterable[str]) -> list[str]:
    """Tags in their kept form, each once, in the order given; ValueError says what is wrong with one."""
    cleaned = []
    for tag in tags:
        kept = text.clean(tag)
        if not 1 <= len(kept) <= TAG_LENGTH or "\n" in kept or "\t" in kept:
            raise ValueError(f"A tag has 1 to {TAG_LENGTH} characters on one line.")
        cleaned.append(kept)
    return list(dict.fromkeys(cleaned))


def add(
    *, event: Event, user: User, role: str, tags: Iterable[str] = (), by: User | None, now: datetime | None = None
) -> Membership:
    """A new member, or one who comes back: from now on. Sanctions that run go on."""
    now = now or timezone.now()
    values = {"role": Role(role).value, "tags": cleaned_tags(tags), "joined_at": now}
    with transaction.atomic(), as_owner():
        membership, is_new = Membership.objects.select_for_update(of=("self",)).get_or_create(
            event=event, user=user, defaults=values
        )
        if not is_new and membership.removed_at is None:
            raise ValueError("This person is a member of this event already.")
        if not is_new:
            _set(membership, removed_at=None, **values)
        _record("membership_added", membership, by=by, role=membership.role)
    return membership


def change(membership: Membership, *, role: str, tags: Iterable[str], by: User | None) -> bool:
    """Another role, other tags; True when anything differs."""
    values = {"role": Role(role).value, "tags": cleaned_tags(tags)}
    with transaction.atomic(), as_owner():
        locked = Membership.objects.select_for_update().get(id=membership.id)
        changed = [name for name, value in values.items() if getattr(locked, name) != value]
        if changed:
            _set(membership, **values)
            _record("membership_changed", membership, by=by, role=membership.role, fields=changed)
    return bool(changed)


def remove(membership: Membership, *, by: User | None, now: datetime | None = None) -> bool:
    """The person is out; True when it was this call that did it."""
    now = now or timezone.now()
    with transaction.atomic(), as_owner():
        if not Membership.objects.current().filter(id=membership.id).update(removed_at=now):
            return False
        membership.removed_at = now
        _record("membership_removed", membership, by=by)
    return True


def _set(membership: Membership, **values) -> None:
    for name, value in values.items():
        setattr(membership, name, value)
    membership.save(update_fields=list(values))


def _record(action: str, membership: Membership, *, by: User | None, **data) -> None:
    audit.record(
        by=by, action=action, target=membership, event_id=membership.event_id, user_id=membership.user_id, **data
    )
