"""Changing flags: the one door for the admin, the command and the swap, which keeps who changed what and when.

Whoever may refuse that more people come in registers a guard for that flag; letting fewer in is never refused.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts import audit
from accounts.models import User
from rollout import names
from rollout.models import Flag

# Answers why no more people may come in now, or None.
Guard = Callable[[], str | None]
_guards: dict[str, list[Guard]] = {}

FIELDS = ("percent", "everyone", "authenticated", "staff", "superusers", "note")
LISTS = ("users", "groups")


class Refused(Exception):
    """More people may not come in now; says why."""


def register_guard(name: str, guard: Guard) -> None:
    _guards.setdefault(name, []).append(guard)


def against_raising(name: str) -> str | None:
    """Why the share of this flag may not grow now."""
    return next((reason for guard in _guards.get(name, ()) if (reason := guard())), None)


@transaction.atomic
def change(name: str, *, by: User | None, **values: Any) -> Flag:
    """Sets any of FIELDS, and LISTS to the people and groups given; `by` is empty for the command line.

    Raises Flag.DoesNotExist, Refused or ValidationError.
    """
    flag = _locked(name)
    before = standing(flag)
    for field in FIELDS:
        if field in values:
            setattr(flag, field, values[field])
    flag.full_clean(validate_unique=False)
    if reach(flag) > _reach_of(before) and (reason := against_raising(name)):
        raise Refused(reason)
    flag.save()
    for field in LISTS:
        if field in values:
            getattr(flag, field).set(values[field])
    _remember(flag, before, standing(flag), by=by)
    return flag


def add(name: str, *, by: User | None) -> Flag:
    """A new flag, off."""
    with transaction.atomic():
        flag = Flag(name=name)
        flag.full_clean()
        flag.save()
        audit.record(by=by, action="flag_added", target=flag)
    return flag


def reach(flag: Flag) -> Decimal:
    """How many per cent have it, testers aside."""
    return _reach_of(standing(flag))


def is_on(name: str, *, event_id: UUID, user_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rollout_is_on(%s, %s, %s)", [name, event_id, user_id])
        return cursor.fetchone()[0]


def standing(flag: Flag) -> dict[str, Any]:
    found = {field: getattr(flag, field) for field in FIELDS}
    for field in LISTS:
        found[field] = set(getattr(flag, field).values_list("pk", flat=True)) if flag.pk else set()
    return found


def _reach_of(found: dict[str, Any]) -> Decimal:
    if found["everyone"] is not None:
        return Decimal(100 if found["everyone"] else 0)
    return Decimal(100) if found["authenticated"] else Decimal(found["percent"])


def _locked(name: str) -> Flag:
    if name in names.ALL:
        Flag.objects.bulk_create([Flag(name=name)], ignore_conflicts=True)
    return Flag.objects.select_for_update().get(name=name)


def _remember(flag: Flag, before: dict, after: dict, *, by: User | None) -> None:
    changes: dict[str, Any] = {}
    for field in FIELDS:
        if before[field] != after[field]:
            changes[field] = True if field == "note" else [_said(before[field]), _said(after[field])]
    for field in LISTS:
        if came := after[field] - before[field]:
            changes[f"{field}_added"] = sorted(came)
        if left := before[field] - after[field]:
            changes[f"{field}_removed"] = sorted(left)
    if changes:
        audit.record(by=by, action="flag_changed", target=flag, **changes)


def _said(value: Any) -> Any:
    return f"{value:.1f}" if isinstance(value, Decimal) else value
