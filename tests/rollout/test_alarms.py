"""Alarms: told when a condition has held for its time, once, until it is over; whoever looks, and however often."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from api import redis
from api.models import WebhookNotice
from api.outgoing import receivers
from rollout import alarm_mails, alarms, alerts, retention, watchdog
from rollout.models import Alarm, AlarmMail, Reading
from tests.conftest import make_user

MINUTE = timedelta(minutes=1)
BEGIN = timezone.now().replace(second=5, microsecond=0)


@pytest.fixture
def standing(monkeypatch):
    """One condition that is told after two minutes: `standing[0]` is what is measured."""
    monkeypatch.setattr(alerts, "_alerts", {})
    found: list[float | None | Exception] = [1.0]

    def probe() -> alerts.Finding:
        if isinstance(found[0], Exception):
            raise found[0]
        return alerts.measured(found[0], f"{found[0]} s")

    alerts.register(
        "slow",
        "It is slow.",
        probe,
        severity="critical",
        minutes=2,
        limit=alerts.most(2.0, "s"),
        rollback="manage.py x",
    )
    return found


def look(minute: int) -> bool:
    return alarms.evaluate(now=BEGIN + minute * MINUTE)


def states() -> list[str]:
    return list(Alarm.objects.order_by("began_at").values_list("state", flat=True))


def told() -> list[str]:
    return list(WebhookNotice.objects.order_by("created_at", "id").values_list("type", flat=True))


@pytest.fixture
def desk(db):
    return receivers.add(name="Desk", url="https://desk.example/hook", types=[], by=None)


def test_it_is_told_when_it_has_held_for_its_time(standing, desk):
    standing[0] = 3.0
    look(0)
    look(1)
    assert (states(), told()) == (["pending"], [])
    look(2)
    assert (states(), told()) == (["firing"], ["alarm.fired"])
    look(3)
    assert told() == ["alarm.fired"]


def test_what_passes_before_its_time_is_told_to_nobody(standing, desk):
    standing[0] = 3.0
    look(0)
    standing[0] = 1.0
    look(1)
    standing[0] = 3.0
    look(2)
    look(3)
    assert (states(), told()) == (["pending"], [])


def test_it_is_over_after_two_looks_that_find_nothing(standing, desk):
    standing[0] = 3.0
    for minute in range(3):
        look(minute)
    standing[0] = 1.0
    look(3)
    assert states() == ["firing"]
    look(4)
    assert (states(), told()) == (["resolved"], ["alarm.fired", "alarm.resolved"])
    look(5)
    assert told() == ["alarm.fired", "alarm.resolved"]


def test_one_that_flickers_stays_one_alarm(standing, desk):
    for minute in range(9):
        standing[0] = 1.0 if minute in (4, 6) else 3.0
        look(minute)
    assert (states(), told()) == (["firing"], ["alarm.fired"])


def test_it_comes_again_as_another_one(standing, desk):
    for minute, value in enumerate([3, 3, 3, 1, 1, 3, 3, 3]):
        standing[0] = float(value)
        look(minute)
    assert states() == ["resolved", "firing"]


def test_what_cannot_be_asked_stays_as_it_was(standing, desk):
    standing[0] = 3.0
    for minute in range(3):
        look(minute)
    standing[0] = RuntimeError("a secret host")
    for minute in range(3, 9):
        look(minute)
    assert states() == ["firing"]
    assert "secret" not in Alarm.objects.get().words


def test_too_little_to_say_is_quiet(standing, db):
    standing[0] = None
    look(0)
    assert states() == []
    assert Reading.objects.get().state == "ok"


def test_a_minute_counts_once_however_many_look(standing, db):
    assert [look(0), look(0), alarms.evaluate(now=BEGIN + timedelta(seconds=40))] == [True, False, False]
    assert look(1) is True
    assert Reading.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_beats_at_once_one_tells(standing, transactional_db):
    receivers.add(name="Desk", url="https://desk.example/hook", types=[], by=None)
    standing[0] = 3.0
    look(0), look(1)
    barrier, counted = threading.Barrier(4), []

    def beat() -> None:
        barrier.wait()
        counted.append(look(2))
        connections.close_all()

    beats = [threading.Thread(target=beat) for _ in range(4)]
    for one in beats:
        one.start()
    for one in beats:
        one.join()
    assert sorted(counted) == [False, False, False, True]
    assert (states(), told()) == (["firing"], ["alarm.fired"])
    assert AlarmMail.objects.count() == 1


def test_what_is_no_condition_any_more_ends(standing, desk, monkeypatch):
    standing[0] = 3.0
    for minute in range(3):
        look(minute)
    monkeypatch.setattr(alerts, "_alerts", {})
    look(3)
    assert states() == ["resolved"]


# --- What is told ----------------------------------------------------------------------------------


def fire(standing) -> Alarm:
    standing[0] = 3.0
    for minute in range(3):
        look(minute)
    return Alarm.objects.get()


def test_the_webhook_says_it_in_plain_words(standing, desk, settings):
    alarm = fire(standing)
    said = json.loads(WebhookNotice.objects.get().body)
    assert said["type"] == "alarm.fired"
    data = said["data"]
    assert (data["name"], data["severity"], data["state"]) == ("slow", "critical", "firing")
    assert (data["summary"], data["words"], data["value"]) == ("It is slow.", "3.0 s", 3.0)
    assert data["runbook"] == f"{settings.RUNBOOK_URL}#slow"
    assert data["rollback"] == "manage.py x"
    assert data["alarm_id"] == str(alarm.id)


def test_operators_get_an_e_mail_when_it_begins_and_when_it_is_over(standing, db, settings):
    settings.OPERATOR_EMAILS = ["operators@example.org"]
    fire(standing)
    assert alarm_mails.send_due() == 1
    assert alarm_mails.send_due() == 0
    standing[0] = 1.0
    look(3), look(4)
    assert alarm_mails.send_due() == 1
    begun, over = mail.outbox
    assert (begun.subject, begun.to) == ("[Callboard] critical: slow", ["operators@example.org"])
    for part in ("It is slow.", "3.0 s", f"{settings.RUNBOOK_URL}#slow", "manage.py x"):
        assert part in begun.body
    assert over.subject == "[Callboard] over: slow"
    assert "manage.py x" not in over.body


def test_without_addresses_there_is_no_e_mail(standing, db, settings):
    settings.OPERATOR_EMAILS = []
    fire(standing)
    alarm_mails.send_due()
    assert mail.outbox == []


def test_an_e_mail_that_is_not_taken_is_sent_again_under_the_same_id(standing, db, settings, monkeypatch):
    settings.OPERATOR_EMAILS = ["operators@example.org"]
    fire(standing)
    sent, tries = [], []

    def send(message):
        tries.append(message.extra_headers["Message-ID"])
        if len(tries) == 1:
            raise OSError("mail.example.org said no")
        sent.append(message)

    monkeypatch.setattr("django.core.mail.EmailMessage.send", send)
    assert alarm_mails.send_due() == 0
    assert alarm_mails.send_due() == 0
    assert alarm_mails.send_due(now=timezone.now() + timedelta(hours=1)) == 1
    assert len(sent) == 1
    assert tries[0] == tries[1]


# --- Acknowledgement -------------------------------------------------------------------------------


def test_somebody_takes_it_up_once(standing, desk):
    alarm, boss, other = fire(standing), make_user("boss"), make_user("other")
    alarms.acknowledge(alarm, by=boss, note="Looking at it")
    with pytest.raises(alarms.NotNow):
        alarms.acknowledge(alarm, by=other)
    alarm.refresh_from_db()
    assert (alarm.acknowledged_by_id, alarm.note, alarm.state) == (boss.id, "Looking at it", "firing")
    assert told() == ["alarm.fired", "alarm.acknowledged"]
    entry = AuditEntry.objects.get(action="alarm_acknowledged")
    assert (entry.actor_id, entry.data) == (boss.id, {"name": "slow"})


def test_what_is_not_firing_is_not_taken_up(standing, db):
    standing[0] = 3.0
    look(0)
    with pytest.raises(alarms.NotNow):
        alarms.acknowledge(Alarm.objects.get(), by=make_user("boss"))
    assert Alarm.objects.get().acknowledged_at is None


# --- Rows ------------------------------------------------------------------------------------------


def row(**values) -> Alarm:
    now = timezone.now()
    return Alarm(**{"name": "x", "severity": "info", "words": "", "began_at": now, "seen_at": now, **values})


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("alarm_times_fit_state", {"state": "firing"}),
        ("alarm_times_fit_state", {"state": "resolved", "fired_at": BEGIN}),
        ("alarm_times_fit_state", {"state": "pending", "fired_at": BEGIN}),
        ("alarm_times_fit_state", {"state": "made-up"}),
        ("alarm_severity_is_known", {"severity": "loud"}),
        ("alarm_acknowledgement_is_whole", {"state": "firing", "fired_at": BEGIN, "acknowledged_at": BEGIN}),
    ],
)
def test_the_database_refuses_what_makes_no_sense(db, constraint, values):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        row(**values).save()


def test_one_alarm_of_a_name_is_open(db):
    row().save()
    with pytest.raises(IntegrityError, match="alarm_open_unique"), transaction.atomic():
        row().save()


def test_readings_and_mails_are_of_known_kinds(db):
    with pytest.raises(IntegrityError, match="reading_state_is_known"), transaction.atomic():
        Reading.objects.create(at=BEGIN, name="x", state="odd")
    alarm = row()
    alarm.save()
    with pytest.raises(IntegrityError, match="alarmmail_kind_is_known"), transaction.atomic():
        AlarmMail.objects.create(alarm=alarm, kind="odd")
    AlarmMail.objects.create(alarm=alarm, kind="fired")
    with pytest.raises(IntegrityError, match="alarmmail_once"), transaction.atomic():
        AlarmMail.objects.create(alarm=alarm, kind="fired")


def test_old_ones_are_forgotten(db):
    old = timezone.now() - retention.READINGS_KEPT - timedelta(days=1)
    for ago in range(0, 300, 60):
        Reading.objects.create(at=old - timedelta(minutes=ago), name="x", state="ok")
    Reading.objects.create(at=timezone.now(), name="x", state="ok")
    long_ago = timezone.now() - retention.ALARMS_KEPT - timedelta(days=1)
    row(state="resolved", fired_at=long_ago, resolved_at=long_ago).save()
    row(name="y").save()
    assert retention.purge_alarms() == 6
    assert (Reading.objects.count(), Alarm.objects.count()) == (1, 1)


# --- Who watches ------------------------------------------------------------------------------------


def test_where_beat_looks_the_watchdog_does_not(standing, db):
    alarms.evaluate()
    assert watchdog.watch() is False


@pytest.mark.django_db(transaction=True)
def test_where_nobody_looks_it_does_and_sends_what_it_tells(standing, transactional_db, settings):
    settings.OPERATOR_EMAILS = ["operators@example.org"]
    standing[0] = 3.0
    for minute in range(2):
        alarms.evaluate(now=timezone.now() - (10 - minute) * MINUTE)
    redis.client().delete(alarms.STAMP)
    assert watchdog.watch() is True
    assert [message.subject for message in mail.outbox] == ["[Callboard] critical: slow"]
    assert watchdog.watch() is False


@pytest.mark.django_db(transaction=True)
def test_with_redis_away_it_asks_the_database_whether_somebody_looked(standing, transactional_db, monkeypatch):
    def away(*_, **__):
        raise redis.RedisError

    monkeypatch.setattr(redis.client(), "get", away)
    monkeypatch.setattr(redis.client(), "set", away)
    assert watchdog.watch() is True
    assert watchdog.watch() is False


def test_when_it_was_looked_is_known_to_the_metrics(standing, db):
    alarms.evaluate()
    assert datetime.now().timestamp() - alarms.looked_at() < 600
    standing[0] = 3.0
    assert alarms.broken() == {("slow",): 0.0}
