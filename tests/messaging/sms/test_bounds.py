"""What bounds texts: the sender's rate, what they may cost, quiet hours by the clocks of the event."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from datetime import time as clock
from decimal import Decimal

import pytest
from django.db import connections

from api import redis
from messaging.models import OptOut, Spend, Text
from messaging.sms import limits, quiet
from tests.conftest import make_event
from tests.messaging.sms.conftest import drain, fresh, publish, states, to_one


@pytest.fixture
def slow(settings):
    settings.SMS_RATE = 50
    settings.TWILIO_FROM, settings.TWILIO_MESSAGING_SERVICE_SID = "+15005550006", None
    redis.client().flushdb()
    limits._own = limits._Bucket()


def most_since(began: float) -> int:
    """A full bucket, and what has come in since."""
    return 50 + int((time.monotonic() - began) * 50) + 1


def test_of_many_at_once_as_many_go_as_the_rate_allows(slow):
    taken, gate = [], threading.Barrier(20)

    def take():
        gate.wait()
        taken.extend(limits.take(7) for _ in range(10))

    began = time.monotonic()
    takers = [threading.Thread(target=take) for _ in range(20)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert 50 <= sum(taken) <= most_since(began)


def test_what_was_not_needed_is_given_back(slow):
    began = time.monotonic()
    assert limits.take(50) == 50
    limits.give_back(30)
    assert 30 <= limits.take(50) <= most_since(began) - 20


def test_without_redis_a_process_bounds_itself(slow, monkeypatch):
    def away(*_):
        raise redis.RedisAway

    monkeypatch.setattr(redis, "run", away)
    began = time.monotonic()
    assert 50 <= sum(limits.take(7) for _ in range(40)) <= most_since(began)


def test_a_flushed_redis_lets_a_second_go_early_at_most(slow):
    began = time.monotonic()
    limits.take(50)
    redis.client().flushdb()
    assert 50 <= sum(limits.take(50) for _ in range(5)) <= most_since(began)


def test_an_event_spends_no_more_than_it_may(phones, told, settings):
    settings.SMS_EVENT_LIMIT = Decimal("0.2")
    message = publish(phones)
    drain()
    found = sorted(states(message).values())
    assert found == ["sent", "sent", *["suppressed/spend_limit"] * 3]
    assert Spend.objects.get(of="event").amount == Decimal("0.1860")


def test_a_destination_takes_no_more_than_it_may(phones, told, settings):
    settings.SMS_DESTINATION_LIMIT = Decimal("0.1")
    from accounts.models import User

    User.objects.filter(username="dealer").update(phone="+33612345678")
    message = publish(phones)
    drain()
    assert sorted(states(message).values()) == ["sent", "sent", *["suppressed/spend_limit"] * 3]
    assert {row.name: row.amount for row in Spend.objects.filter(of="destination")} == {
        "+49": Decimal("0.0930"), "+33": Decimal("0.0798"),
    }  # fmt: skip


def test_one_event_that_has_spent_all_stops_no_other(phones, told, settings):
    settings.SMS_EVENT_LIMIT = Decimal("0.1")
    to_one(phones)
    drain()
    other = make_event("other")
    phones.event = other
    from tests.conftest import join

    join(other, phones.attendee)
    join(other, phones.organizer, "organizer")
    text = to_one(phones)
    drain()
    assert fresh(text).state == "sent"


def test_a_repeat_is_not_counted_again(phones, told):
    told.script = [429, 429]
    text = to_one(phones)
    for _ in range(3):
        drain()
        if fresh(text).state == "queued":
            Text.objects.filter(delivery_id=text.delivery_id).update(next_at="2020-01-01T00:00:00Z")
    assert fresh(text).state == "sent"
    assert Spend.objects.get(of="event").amount == Decimal("0.0930")


def test_a_long_text_costs_its_parts(phones, told):
    text = to_one(phones, "x" * 200)
    drain()
    assert fresh(text).cost == Decimal("0.1860")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["SMS_EVENT_LIMIT", "SMS_DESTINATION_LIMIT"])
def test_workers_at_once_spend_no_more_than_one(told, settings, request, limit):
    from messaging.sms import claims

    phones = request.getfixturevalue("phones")
    setattr(settings, limit, Decimal("0.5"))
    for number in range(4):
        publish(phones, f"Number {number}")
    due, gate = [], threading.Barrier(4)

    def work():
        gate.wait()
        while (claim := claims.claim(3)).taken:
            due.extend(claim.due)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(due) == 5
    assert Text.objects.filter(reason="spend_limit").count() == 15
    assert not OptOut.objects.exists()


NIGHT = (clock(21), clock(8))


@pytest.mark.parametrize(
    ("hours", "zone", "now", "opens"),
    [
        (NIGHT, "UTC", "2026-07-04T12:00", None),
        (NIGHT, "UTC", "2026-07-04T21:00", "2026-07-05T08:00"),
        (NIGHT, "UTC", "2026-07-04T20:59", None),
        (NIGHT, "UTC", "2026-07-05T07:59", "2026-07-05T08:00"),
        (NIGHT, "UTC", "2026-07-05T08:00", None),
        (NIGHT, "Europe/Berlin", "2026-07-04T19:30", "2026-07-05T06:00"),
        (NIGHT, "America/New_York", "2026-07-05T00:30", None),
        (NIGHT, "America/New_York", "2026-07-05T01:30", "2026-07-05T12:00"),
        ((clock(13), clock(15)), "UTC", "2026-07-04T14:00", "2026-07-04T15:00"),
        ((clock(13), clock(15)), "UTC", "2026-07-04T15:30", None),
        # The clocks go forward and back that night.
        (NIGHT, "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T06:00"),
        (NIGHT, "Europe/Berlin", "2026-10-24T21:00", "2026-10-25T07:00"),
        (None, "UTC", "2026-07-04T23:00", None),
    ],
)
def test_quiet_hours_go_by_the_events_clocks(hours, zone, now, opens):
    def at(moment: str | None) -> datetime | None:
        return moment and datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert quiet.opens_at(hours, zone, at(now)) == at(opens)


def test_an_hour_that_comes_twice_is_waited_for_to_the_end():
    """02:00 to 03:00 happens twice; quiet until half past, it opens at the later half past."""
    hours = (clock(1), clock(2, 30))
    opening = quiet.opens_at(hours, "Europe/Berlin", datetime(2026, 10, 25, 1, 10, tzinfo=UTC))
    assert opening == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_an_events_own_hours_come_before_those_of_all(settings):
    settings.SMS_QUIET_HOURS = NIGHT
    assert quiet.hours_of(None, None) == NIGHT
    assert quiet.hours_of(clock(1), clock(2)) == (clock(1), clock(2))
