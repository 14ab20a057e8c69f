"""Events as such: staff and operators make and change them. The API's role may not, so this runs as the owner."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.db import transaction

from accounts import audit
from accounts.models import User
from events.models import Event


def check_timezone(name: str) -> None:
    """ValueError says what is wrong with it."""
    if name not in _timezones():
        raise ValueError("There is no such time zone; give one such as Europe/Berlin.")


@transaction.atomic
def add(event: Event, *, by: User | None) -> None:
    check_timezone(event.timezone)
    event.save(force_insert=True)
    audit.record(by=by, action="event_added", target=event, event_id=event.id)


@transaction.atomic
def change(event: Event, *, by: User | None, **values: Any) -> bool:
    """Sets what differs; True when anything did."""
    check_timezone(values.get("timezone", event.timezone))
    changed = [name for name, value in values.items() if getattr(event, name) != value]
    if not changed:
        return False
    for name in changed:
        setattr(event, name, values[name])
    event.save(update_fields=changed)
    audit.record(by=by, action="event_changed", target=event, event_id=event.id, fields=changed)
    return True


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones() - {"Factory", "localtime"})
