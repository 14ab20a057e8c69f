"""The one door to the audit."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from accounts.models import AuditEntry, User

# Ids, codes and states. Whoever wants to keep a text, a name or a phone gets an error, not a leak.
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{0,64}", re.ASCII)


def record(*, by: User | None, action: str, target: models.Model, event_id: UUID | None = None, **data: Any) -> None:
    """Adds a row in the transaction of the deed itself, as the API's role or as the owner.

    `data` takes ids, numbers, booleans, times, states (one word), and lists of these.
    """
    AuditEntry.objects.create(
        actor_id=by.pk if by else None,
        action=action,
        object_type=target._meta.label_lower,
        object_id=str(target.pk),
        event_id=event_id,
        data={name: _plain(name, value) for name, value in data.items()},
    )


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(name, item) for item in value]
    raise ValueError(f"the audit keeps ids and states: {name} is neither")
