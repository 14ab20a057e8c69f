"""Health, figures and alerts of texts."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from api import health, maintenance, redis
from messaging import tasks
from messaging.models import Text
from messaging.sms import signs
from rollout import alerts, figures
from tests.messaging.sms.conftest import drain, fresh, hear, to_one


def make(number: int, state: str, *, hours: float = 2, code: int | None = None, reason=None) -> None:
    """Texts that once were, with nothing around them."""
    at = timezone.now() - timedelta(hours=hours)
    begin = Text.objects.count()
    nobody = "01900000-0000-7000-8000-000000000000"
    ids = {"message_id": nobody, "event_id": nobody, "user_id": nobody, "sender_id": nobody}
    reason = "opted_out" if state == "suppressed" else reason
    rows = [
        Text(delivery_id=10**9 + begin + each, state=state, created_at=at, code=code, reason=reason, **ids)
        for each in range(number)
    ]
    Text.objects.bulk_create(rows)


def state_of(name: str) -> str:
    return next(alert["state"] for alert in alerts.report() if alert["name"] == name)


@pytest.mark.parametrize(
    ("today", "before", "state"),
    [
        ({"sent": 100}, {}, "ok"),
        ({"delivered": 91, "queued": 9}, {}, "ok"),
        ({"delivered": 89, "queued": 11}, {}, "firing"),
        ({"delivered": 50, "suppressed": 200}, {}, "ok"),
        ({"delivered": 73, "failed": 27}, {"delivered": 80, "failed": 20}, "ok"),
        ({"delivered": 71, "failed": 29}, {"delivered": 80, "failed": 20}, "firing"),
        ({"queued": 19}, {}, "ok"),
    ],
)
def test_volume_under_its_baseline_alarms(db, today, before, state):
    for name, number in today.items():
        make(number, name)
    for name, number in before.items():
        make(number, name, hours=50)
    assert state_of("sms_volume") == state


@pytest.mark.parametrize(
    ("ended", "state"),
    [
        ({"delivered": 90, "undelivered": 5, "failed": 5}, "ok"),
        ({"delivered": 89, "undelivered": 6, "failed": 5}, "firing"),
        ({"delivered": 1, "failed": 9}, "ok"),
        ({"delivered": 30, "suppressed": 300, "unknown": 30}, "ok"),
    ],
)
def test_fewer_that_arrive_than_nine_in_ten_alarm(db, ended, state):
    for name, number in ended.items():
        make(number, name)
    assert state_of("sms_delivery_success") == state


def test_one_that_was_filtered_alarms(db):
    make(100, "delivered")
    assert state_of("sms_filtered") == "ok"
    make(1, "undelivered", code=30007, reason="filtered")
    assert state_of("sms_filtered") == "firing"


@pytest.mark.parametrize("reason", ["our_account", "queue_overflow"])
def test_a_provider_that_takes_nothing_from_us_alarms_at_once(db, reason):
    make(1, "failed", hours=0)
    assert state_of("sms_refused") == "ok"
    make(1, "failed", hours=0, reason=reason)
    assert state_of("sms_refused") == "firing"
    Text.objects.update(moved_at=timezone.now() - timedelta(hours=2))
    assert state_of("sms_refused") == "ok"


def test_a_wrong_token_is_told_of(phones, told):
    told.script = [(401, 20003)]
    text = to_one(phones)
    drain()
    assert fresh(text).reason == "our_account"
    assert state_of("sms_refused") == "firing"


def test_what_was_filtered_just_now_alarms_at_once(db):
    make(1, "undelivered", hours=0, code=30007, reason="filtered")
    assert state_of("sms_filtered") == "firing"


def test_what_is_old_alarms_no_more(db):
    make(100, "undelivered", hours=24 * 9, code=30007, reason="filtered")
    assert {state_of(name) for name in ("sms_volume", "sms_delivery_success", "sms_filtered")} == {"ok"}


def test_health_tells_of_a_text_that_nobody_takes(phones, told):
    assert signs.outbox() == "nothing waits"
    text = to_one(phones)
    Text.objects.filter(delivery_id=text.delivery_id).update(next_at=timezone.now() - timedelta(seconds=90))
    with pytest.raises(health.Failed, match="no worker takes them"):
        signs.outbox()
    assert state_of("sms_outbox_age") == "firing"
    maintenance.switch_on()
    assert "for maintenance" in signs.outbox()
    maintenance.switch_off()
    drain()
    assert signs.outbox() == "nothing waits"


def test_a_worker_that_finishes_nothing_is_named(db, monkeypatch):
    monkeypatch.setattr(health, "CANARY_PATIENCE_SECONDS", 0.2)
    with pytest.raises(health.Failed, match="no worker of the texts"):
        signs.worker()
    redis.client().set(signs.CANARY, repr(time.time() - 600))
    with pytest.raises(health.Failed):
        signs.worker()
    tasks.text_canary()
    assert signs.worker().startswith("finished a task")


def test_figures_count_what_moved_and_what_went_wrong(phones, told):
    before = figures.value("texts_moved", state="sent")
    told.script = [429]
    text = to_one(phones)
    drain()
    Text.objects.update(next_at=timezone.now())
    drain()
    hear(text, "delivered")
    hear(text, "delivered")
    assert figures.value("texts_moved", state="sent") - before == 1
    assert figures.value("text_callbacks", status="delivered", heard="again") == 1
    assert figures.value("texts_unknown") == 0
