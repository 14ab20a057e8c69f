"""Broadcasts of the cast, and what they leave behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from broadcasts import fanout, orders
from broadcasts.models import Broadcast, Quota
from broadcasts.orders import Order
from events.access import access_event
from events.models import Event
from messaging.models import Delivery, Message
from tests.messaging.conftest import denied, everything  # noqa: F401

BODY = {"kind": "announcement", "content": "Doors open at nine."}


def seat(cast, user):
    return access_event(cast.event.id, by=user)


def accept(cast, by=None, *, now=None, **order) -> Broadcast:
    by = by or cast.organizer
    given = {"kind": "announcement", "content": "Doors open at nine.", **order}
    return orders.accept(seat(cast, by), Order(**given), by=by, now=now)


def schedule(cast, by=None, *, minutes=30, **order) -> Broadcast:
    return accept(cast, by, send_at=timezone.now() + timedelta(minutes=minutes), **order)


def later(broadcast, minutes: float = 0, seconds: float = 1):
    """A moment after its time."""
    return broadcast.send_at + timedelta(minutes=minutes, seconds=seconds)


def fresh(broadcast) -> Broadcast:
    return Broadcast.objects.select_related("event", "sender").get(id=broadcast.id)


def finish(broadcast) -> Broadcast:
    fanout.run(broadcast.id)
    return fresh(broadcast)


def start(event: Event) -> None:
    """The show begins."""
    now = timezone.now()
    Event.objects.filter(id=event.id).update(starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=8))
    event.refresh_from_db()


def used(user, phase="pre_event") -> int:
    return sum(Quota.objects.filter(user=user, phase=phase).values_list("used", flat=True))


def readers(broadcast) -> set[str]:
    found = Delivery.objects.filter(message_id=fresh(broadcast).message_id)
    return set(found.values_list("user__username", flat=True))


def rows() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (Broadcast, Quota, Message, Delivery)}


@pytest.fixture
def url(cast) -> str:
    return f"/events/{cast.event.id}/broadcasts"
