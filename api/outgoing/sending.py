"""Sends what waits: claimed in a short transaction, sent outside any, and written down only by whoever still holds it.

A worker that dies in between leaves the claim to run out; the notice is sent again then, under the same id.
"""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from api.models import WebhookAttempt, WebhookNotice, WebhookReceiver
from api.outgoing import signing
from api.outgoing.addresses import Unreachable, post
from api.outgoing.receivers import record

Status = WebhookNotice.Status

# After the first try at once; together a little more than three days.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
# Much longer than one try may take.
LEASE = timedelta(seconds=90)
# Workers have other work: whoever answers slowly, or never, holds up one of them and no more.
AT_ONCE = 1
SILENCE = timedelta(minutes=1)
# Who takes longer than this to answer rests so many times as long, so that the others have most of the time.
SLOW_MILLISECONDS, RESTS = 1000, 4
KEPT = timedelta(days=30)
GONE = 410

AGENT = "Callboard-Webhooks/1"


def send_due(*, seconds: float = 10) -> int:
    """Until nothing is due, or the time is over; how many were tried."""
    until, tried = time.monotonic() + seconds, 0
    while time.monotonic() < until and (notice := claim()):
        attempt(notice)
        tried += 1
    return tried


@transaction.atomic
def claim(*, now: datetime | None = None) -> WebhookNotice | None:
    now = now or timezone.now()
    if _under_way(now) >= AT_ONCE:
        return None
    notice = _due(now).select_for_update(skip_locked=True, of=("self",)).order_by("next_attempt_at", "id").first()
    if notice is None:
        return None
    notice.lease_token, notice.next_attempt_at = uuid4(), now + LEASE
    notice.attempts += 1
    notice.save(update_fields=["lease_token", "next_attempt_at", "attempts"])
    return notice


def _due(now: datetime) -> QuerySet[WebhookNotice]:
    receivers = WebhookReceiver.objects.filter(is_active=True).exclude(paused_until__gt=now)
    due = WebhookNotice.objects.filter(status=Status.WAITING, next_attempt_at__lte=now, receiver__in=receivers)
    return due.select_related("receiver")


def _under_way(now: datetime) -> int:
    tried = WebhookNotice.objects.filter(status=Status.WAITING, lease_token__isnull=False)
    return tried.filter(next_attempt_at__gt=now).count()


def attempt(notice: WebhookNotice) -> None:
    began_at, began = timezone.now(), time.monotonic()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        **signing.headers(notice.receiver, id=str(notice.id), at=began_at, body=notice.body),
    }
    status_code, fault = None, ""
    try:
        status_code = post(notice.receiver.url, notice.body.encode(), headers)
    except Unreachable as error:
        fault = str(error)
    milliseconds = int((time.monotonic() - began) * 1000)
    log = WebhookAttempt(
        notice=notice, began_at=began_at, milliseconds=milliseconds, status_code=status_code, fault=fault
    )
    _settle(notice, log)


@transaction.atomic
def _settle(notice: WebhookNotice, log: WebhookAttempt) -> None:
    log.save(force_insert=True)
    WebhookNotice.objects.filter(id=notice.id, status=Status.WAITING, lease_token=notice.lease_token).update(
        lease_token=None, **_outcome(notice, log.status_code)
    )
    receiver = WebhookReceiver.objects.filter(id=notice.receiver_id)
    if log.status_code == GONE:
        # The other side wants no more; someone has to switch it on again.
        receiver.update(is_active=False)
    elif rest := _rest(log):
        receiver.update(paused_until=timezone.now() + rest)


def _rest(log: WebhookAttempt) -> timedelta | None:
    if log.fault:
        return SILENCE
    return timedelta(milliseconds=log.milliseconds * RESTS) if log.milliseconds > SLOW_MILLISECONDS else None


def _outcome(notice: WebhookNotice, status_code: int | None) -> dict:
    now = timezone.now()
    if status_code is not None and 200 <= status_code < 300:
        return {"status": Status.DELIVERED, "delivered_at": now}
    if status_code == GONE or notice.attempts > len(PAUSES):
        return {"status": Status.DEAD}
    # Spread a little, so that a receiver that comes back is not met by all at once.
    return {"next_attempt_at": now + PAUSES[notice.attempts - 1] * random.uniform(1, 1.1)}  # noqa: S311


@transaction.atomic
def send_again(notice: WebhookNotice, *, by: Any) -> bool:
    """A dead one from the beginning; True when it was this call that revived it."""
    values = {"status": Status.WAITING, "attempts": 0, "next_attempt_at": timezone.now(), "lease_token": None}
    if not WebhookNotice.objects.filter(id=notice.id, status=Status.DEAD).update(**values):
        return False
    record("webhook_notice_revived", notice, by=by)
    return True


def purge() -> int:
    """Forgets what ended long ago, with its log."""
    ended = WebhookNotice.objects.exclude(status=Status.WAITING).filter(created_at__lt=timezone.now() - KEPT)
    removed, _ = ended.delete()
    return removed
