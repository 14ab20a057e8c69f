"""The broadcast for testing goes the whole way, and leaves nothing: no quota, no notice, nobody who saw it."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from api import health, redis
from api.models import WebhookNotice
from api.outgoing import receivers
from broadcasts import fanout, path_check
from broadcasts.models import Broadcast, Quota
from events.models import CHECK_EVENT, Event
from messaging.models import Delivery, LogEntry, Message
from rollout import alerts
from rollout import figures as counted
from tests.messaging.sms.conftest import drain, end_threads, told  # noqa: F401

ADDRESS = "/api/health/broadcast"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(monkeypatch):
    """Takes wake-ups in a thread of its own; `worker.is_deaf = True` and it does not."""

    class Worker:
        is_deaf = False
        threads: list[threading.Thread] = []

        def wake(self, task: str, *arguments: str, **_) -> bool:
            if task == path_check.DELIVER and not self.is_deaf:
                self.threads.append(threading.Thread(target=self.work, args=arguments))
                self.threads[-1].start()
            return True

        @staticmethod
        def work(broadcast_id: str) -> None:
            fanout.run(UUID(broadcast_id))
            connections.close_all()

    found = Worker()
    monkeypatch.setattr("api.wakeups.send", found.wake)
    yield found
    for thread in found.threads:
        thread.join()


def ask() -> tuple[int, str]:
    answer = Client().get(ADDRESS)
    (check,) = answer.json()["checks"].values()
    return answer.status_code, check["detail"]


def later(monkeypatch, seconds: float) -> None:
    now = time.time
    monkeypatch.setattr(path_check.time, "time", lambda: now() + seconds)


def test_it_arrives_and_touches_nothing(worker, cast, api):
    receivers.add(name="Desk", url="https://desk.example/hook", types=[], by=None)
    before = (AuditEntry.objects.count(), counted.value("broadcasts_moved", status="published"))
    status, words = ask()
    assert (status, words.split(" ")[0]) == (200, "arrived")
    assert Message.objects.get(event_id=CHECK_EVENT).sender_id == path_check.SENDER
    assert Delivery.objects.get(event_id=CHECK_EVENT).user_id == path_check.RECIPIENT
    assert Quota.objects.count() == 0
    assert WebhookNotice.objects.count() == 0
    assert (AuditEntry.objects.count(), counted.value("broadcasts_moved", status="published")) == before
    assert LogEntry.objects.exclude(event_id=CHECK_EVENT).count() == 0
    assert CHECK_EVENT.hex not in api(cast.staff).get("/events").content.decode().replace("-", "")


def test_a_fresh_result_answers_at_once(worker, db):
    assert ask()[0] == 200
    worker.is_deaf = True
    assert ask()[0] == 200
    assert Broadcast.objects.count() == 1


def test_without_a_worker_it_says_how_far_it_came(worker, db, monkeypatch):
    monkeypatch.setattr(path_check, "PATIENCE_SECONDS", 1)
    worker.is_deaf = True
    assert ask() == (503, "has not arrived: no worker has handed it on, 0 s ago")


def test_one_is_tried_at_a_time(worker, db):
    redis.client().set("check:broadcast:asked", 1)
    assert ask() == (503, "is being tried; ask again in a moment")
    assert Broadcast.objects.count() == 0


def test_who_asks_beside_a_try_is_not_told_of_old_times(worker, db, monkeypatch):
    assert ask()[0] == 200
    worker.is_deaf = True
    later(monkeypatch, path_check.STALE_SECONDS + 1)
    redis.client().set("check:broadcast:asked", 1)
    assert ask() == (503, "is being tried; ask again in a moment")


def test_one_that_arrived_a_while_ago_is_no_proof(worker, db, monkeypatch):
    """Beat's last one stands there, and since then the worker has gone."""
    path_check.advance()
    for thread in worker.threads:
        thread.join()
    worker.is_deaf = True
    monkeypatch.setattr(path_check, "PATIENCE_SECONDS", 1)
    later(monkeypatch, path_check.FRESH_SECONDS + 1)
    assert ask() == (503, "has not arrived: no worker has handed it on, 0 s ago")


# --- By text, too ------------------------------------------------------------------------------------

PHONE = "+4915199900077"


def test_with_a_phone_it_arrives_when_the_text_is_sent(worker, db, settings, told):  # noqa: F811
    settings.CHECK_PHONE = PHONE
    path_check.advance()
    for thread in worker.threads:
        thread.join()
    pending = path_check._under_way()
    assert not path_check._note_if_arrived(*pending)
    assert path_check._how_far(pending[0]) == "its text was not sent"
    drain()
    end_threads()
    assert told.texts_to(PHONE) == [path_check.CONTENT]
    assert path_check._note_if_arrived(*pending)
    assert path_check.result()["is_well"]
    person = User.objects.get(id=path_check.RECIPIENT)
    assert (person.has_usable_password(), person.tokens.exists(), person.is_staff) == (False, False, False)
    settings.CHECK_PHONE = None
    path_check._people()
    person.refresh_from_db()
    assert (person.phone, person.is_active) == (None, False)


def test_a_phone_that_is_somebodys_is_told_and_breaks_nothing(worker, cast, settings):
    settings.CHECK_PHONE = PHONE
    User.objects.filter(id=cast.attendee.id).update(phone=PHONE)
    words = "CALLBOARD_CHECK_PHONE is the phone of somebody's account"
    assert ask() == (503, words)
    path_check.advance()
    assert path_check.probe() == alerts.firing(f"a broadcast for testing could not be ordered: {words}")
    assert Broadcast.objects.count() == 0


def test_that_none_can_be_made_is_told(worker, db, monkeypatch):
    def fails() -> UUID:
        raise OSError("the name of a host")

    monkeypatch.setattr(path_check, "_order", fails)
    with pytest.raises(OSError, match="host"):
        path_check.advance()
    assert path_check.probe() == alerts.firing("a broadcast for testing could not be ordered: OSError")


def test_beat_makes_one_and_notes_it_with_the_next(worker, db, monkeypatch):
    path_check.advance()
    for thread in worker.threads:
        thread.join()
    path_check.advance()
    assert path_check.result()["is_well"] is True
    assert not path_check.probe().is_firing
    assert Broadcast.objects.count() == 2


def test_one_that_is_lost_is_told(worker, db, monkeypatch):
    worker.is_deaf = True
    path_check.advance()
    path_check.advance()
    assert path_check.result() is None
    later(monkeypatch, path_check.LOST_SECONDS + 1)
    path_check.advance()
    found = path_check.probe()
    assert found.is_firing
    assert found.words == ("a broadcast for testing did not arrive within 50 s: no worker has handed it on")


def test_that_nobody_tries_is_told(worker, db, monkeypatch):
    assert ask()[0] == 200
    later(monkeypatch, path_check.OLD_SECONDS + 1)
    assert path_check.probe().is_firing


def test_in_maintenance_nothing_is_tried(worker, db):
    from api import maintenance

    maintenance.switch_on()
    assert ask() == (200, "not tried: writing is switched off for maintenance")
    path_check.advance()
    assert Broadcast.objects.count() == 0
    assert alerts.look()


def test_old_ones_are_taken_away(worker, db):
    past = timezone.now() - path_check.KEPT - timedelta(minutes=1)
    assert ask()[0] == 200
    for model in (Broadcast, Message, LogEntry):
        model.objects.filter(event_id=CHECK_EVENT).update(created_at=past)
    path_check._tidy()
    assert [model.objects.count() for model in (Broadcast, Message, Delivery, LogEntry)] == [0, 0, 0, 0]
    assert Event.objects.filter(id=CHECK_EVENT).exists()


def test_nobody_signs_in_as_them(worker, db):
    assert ask()[0] == 200
    for person in User.objects.filter(id__in=[path_check.SENDER, path_check.RECIPIENT]):
        assert not person.is_active
        assert not person.has_usable_password()


def test_health_of_everything_does_not_make_one(worker, db):
    assert "broadcast" not in health.report("database")["checks"]
    assert "broadcast" in health._apart
