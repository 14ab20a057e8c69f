"""Writes the deliveries of a published broadcast, in batches, by one worker at a time.

A worker holds a lease on the row. Each batch is one transaction that first makes sure that the lease still is its own,
and moves the marker on: whoever takes over begins where the last whole batch ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from api import maintenance, tracks
from broadcasts import figures, notices, progress, publication, states
from broadcasts.models import Broadcast
from events.models import CHECK_EVENT
from messaging import publishing
from messaging.models import Message

logger = logging.getLogger(__name__)

Status = Broadcast.Status

# The author hears of it this often.
TELL_SECONDS = 1.0


def run(broadcast_id: UUID) -> None:
    """To its end, unless somebody else is at it, or writing is switched off."""
    if (token := claim(broadcast_id)) is None:
        return
    try:
        # Whoever finds it later by a sweep is at work on that call still.
        request_id = Broadcast.objects.values_list("request_id", flat=True).get(id=broadcast_id)
        with tracks.within(request_id=request_id, broadcast_id=str(broadcast_id)):
            _hand_all(broadcast_id, token)
    except Exception as error:
        publication.note_fault(broadcast_id, error, token=token)


def _hand_all(broadcast_id: UUID, token: UUID) -> None:
    for tells in _now_and_then(TELL_SECONDS):
        if not hand_batch(broadcast_id, token, tells=tells):
            logger.info("a fan-out has ended, or is somebody else's now")
            return


def claim(broadcast_id: UUID) -> UUID | None:
    """By the database's clock, which all workers share."""
    token = uuid4()
    free = Broadcast.objects.filter(id=broadcast_id, status=Status.PUBLISHING).filter(_is_free())
    return token if free.update(lease_token=token, lease_until=_lease()) else None


def hand_batch(broadcast_id: UUID, token: UUID, *, tells: bool = False) -> bool:
    """The next one; True while more are to come."""
    with transaction.atomic():
        mine = Broadcast.objects.filter(id=broadcast_id, status=Status.PUBLISHING, lease_token=token)
        broadcast = mine.select_for_update(no_key=True).first()
        if broadcast is None:
            return False
        if maintenance.current():
            mine.update(lease_token=None, lease_until=None)
            return False
        batch = publishing.deliver(
            Message(id=broadcast.message_id, event_id=broadcast.event_id),
            after=broadcast.upto,
            batch=settings.BROADCAST_BATCH,
            is_texted=broadcast.sms,
            valid_until=broadcast.valid_until,
        )
        if broadcast.event_id != CHECK_EVENT:
            figures.deliveries.add(batch.written)
        if batch.upto is None:
            _finish(broadcast)
            return False
        mine.update(upto=batch.upto, lease_until=_lease(), faults=0)
        if tells:
            progress.tell(broadcast)
        return True


def left_behind() -> list[UUID]:
    """Published, not done, and with nobody at it."""
    return list(Broadcast.objects.filter(_is_free(), status=Status.PUBLISHING).values_list("id", flat=True)[:1000])


def _finish(broadcast: Broadcast) -> None:
    states.move(broadcast, "finish", published_at=timezone.now(), lease_token=None, lease_until=None, faults=0)
    progress.tell(broadcast)
    notices.tell_end(broadcast)


def _now_and_then(seconds: float) -> Iterator[bool]:
    """True once in so many seconds, from the end of what was done with the last one to the beginning of the next."""
    last = time.monotonic()
    while True:
        is_time = time.monotonic() - last >= seconds
        yield is_time
        if is_time:
            last = time.monotonic()


def _is_free() -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=Now())


def _lease():
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)
