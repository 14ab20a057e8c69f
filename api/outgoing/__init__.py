"""How Callboard tells other systems: signed webhooks after the Standard Webhooks convention.

What is told is written in the transaction of the deed, a row for each receiver that wants it; a worker sends it, again
and again with growing pauses, for three days. Receivers may get one twice, and know it by its `webhook-id`.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from api import wakeups
from api.answers import encode
from api.database import as_owner
from api.models import WebhookNotice, WebhookReceiver

_types: list[str] = []


def register_types(*types: str) -> None:
    """The app that tells of them names them, for whoever sets up a receiver."""
    _types.extend(name for name in types if name not in _types)


def types() -> list[str]:
    return sorted(_types)


def tell(type: str, data: dict[str, Any], *, only: WebhookReceiver | None = None) -> None:
    """In the caller's transaction. `data` holds ids, numbers, times and states: it leaves the house."""
    body = encode({"type": type, "timestamp": timezone.now(), "data": data}).decode()
    with as_owner():
        active = WebhookReceiver.objects.filter(is_active=True)
        wanted = [only] if only else [one for one in active if not one.types or type in one.types]
        WebhookNotice.objects.bulk_create([WebhookNotice(receiver=one, type=type, body=body) for one in wanted])
    if wanted:
        wakeups.after_commit("api.tasks.send_notices")
