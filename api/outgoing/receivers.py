"""Who is told, at which address and of what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from api import outgoing
from api.models import WebhookReceiver
from api.outgoing.addresses import check

# As long both secrets sign after a change, so that the other side can follow.
OVERLAP = timedelta(hours=24)
TEST = "webhook.test"

_record: Callable[..., None] | None = None


def register_audit(record: Callable[..., None]) -> None:
    """The app that keeps the audit; these are changes that staff make."""
    global _record
    _record = record


@transaction.atomic
def add(*, name: str, url: str, types: Iterable[str], is_active: bool = True, by: Any) -> WebhookReceiver:
    made = WebhookReceiver.objects.create(name=name, url=check(url), types=list(types), is_active=is_active)
    record("webhook_receiver_added", made, by=by)
    return made


@transaction.atomic
def change(receiver: WebhookReceiver, *, by: Any, **values: Any) -> None:
    if "url" in values:
        check(values["url"])
    for name, value in values.items():
        setattr(receiver, name, value)
    if values:
        receiver.save(update_fields=list(values))
        record("webhook_receiver_changed", receiver, by=by, fields=sorted(values))


@transaction.atomic
def change_secret(receiver: WebhookReceiver, *, by: Any) -> None:
    """From now on the new one signs, and for a day the one before as well."""
    locked = WebhookReceiver.objects.select_for_update().get(id=receiver.id)
    receiver.secret_version = locked.secret_version + 1
    receiver.old_secret_until = timezone.now() + OVERLAP
    receiver.save(update_fields=["secret_version", "old_secret_until"])
    record("webhook_secret_changed", receiver, by=by, version=receiver.secret_version)


@transaction.atomic
def send_test(receiver: WebhookReceiver, *, by: Any) -> None:
    outgoing.tell(TEST, {"receiver_id": receiver.id}, only=receiver)
    record("webhook_test_sent", receiver, by=by)


def record(action: str, target: models.Model, *, by: Any, **data: Any) -> None:
    if _record:
        _record(by=by, action=action, target=target, **data)
