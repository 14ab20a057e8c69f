"""Each condition, driven to just under its threshold and over it, by what really is counted and stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import AuditEntry
from api import health, redis
from broadcasts import path_check
from messaging import feed_figures, stream_figures, traffic
from messaging.models import Text
from messaging.sms import signs
from moderation.models import Case
from rollout import alerts, figures, names, read_models, work
from rollout.models import Flag, LiveModel
from tests.messaging.sms.test_signs import make
from tests.rollout.test_budget import compared


@pytest.fixture(autouse=True)
def minutes_of_its_own():
    """What other tests have counted may still wait in this process."""
    figures.flush()
    for key in redis.client().scan_iter(f"{figures.MINUTE_KEY}*"):
        redis.client().delete(key)


def starts(number: int, outcome: str = "done", version: str = "v2") -> None:
    traffic.starts.add(number, version=version, outcome=outcome)


def started_in(seconds: float, times: int) -> None:
    for _ in range(times):
        traffic.start_seconds.observe(seconds, version="v2")


def feeds_in(seconds: float, model: str, times: int = 10) -> None:
    for _ in range(times):
        feed_figures.answered(model, seconds, None)


def feeds(answered: int, failed: int, model: str) -> None:
    feed_figures.requests.add(answered, model=model, outcome="answered")
    feed_figures.requests.add(failed, model=model, outcome="failed")


def tasks(done: int, failed: int) -> None:
    work.tasks.add(done, task="api.tasks.canary", outcome=work.SUCCESS)
    work.tasks.add(failed, task="api.tasks.canary", outcome=work.FAILURE)


def streamed(sent: int, failed: int) -> None:
    stream_figures.events.add(sent, outcome="sent")
    stream_figures.events.add(failed, outcome="failed")


def seen(**ago: float) -> None:
    keys = {"beat": health.BEAT, "worker": health.CANARY, "texts": signs.CANARY}
    for name, seconds in ago.items():
        redis.client().set(keys[name], repr(timezone.now().timestamp() - seconds))


def turned_up(percent: str) -> None:
    Flag.objects.update_or_create(name=names.MESSAGING_V2, defaults={"percent": percent})


def a_step(reports: int) -> None:
    now = timezone.now()
    AuditEntry.objects.create(
        at=now - timedelta(minutes=30), action="flag_changed", object_type="x", object_id="1",
        data={"percent": ["0.0", "10.0"]},
    )  # fmt: skip
    AuditEntry.objects.bulk_create(
        [AuditEntry(at=now, action="message_reported", object_type="x", object_id="1") for _ in range(reports)]
    )


def a_case(minutes: float) -> None:
    from tests.conftest import make_event, make_user
    from tests.rollout.cases import open_case

    open_case(make_event("watched"), make_user("somebody"), timezone.now() - timedelta(minutes=minutes))


def due_for(seconds: float) -> None:
    _patch[-1].setattr(settings, "SMS_BACKEND", "simulator")
    make(1, "queued")
    Text.objects.update(next_at=timezone.now() - timedelta(seconds=seconds))


def checked(*, is_well: bool, ago: float = 1) -> None:
    at = timezone.now().timestamp() - ago
    document = {"is_well": is_well, "words": "arrived", "at": at, "seconds": 0.2}
    redis.client().set(path_check.RESULT, path_check.json.dumps(document))


class Drive(NamedTuple):
    under: Callable[[], object]
    over: Callable[[], object]


OVERDUE = settings.CASE_OVERDUE.total_seconds() / 60

DRIVES = {
    "adoption": Drive(
        lambda: (turned_up("50"), starts(23), starts(27, version="v1")),
        lambda: (turned_up("50"), starts(22), starts(28, version="v1")),
    ),
    "average_feed_time": Drive(lambda: feeds_in(0.99, "v2"), lambda: feeds_in(1.01, "v2")),
    "broadcast_path": Drive(lambda: checked(is_well=True), lambda: checked(is_well=False)),
    "database_connections": Drive(lambda: limit_connections(0.79), lambda: limit_connections(0.81)),
    "deaf_worker": Drive(lambda: seen(beat=1, worker=55), lambda: seen(beat=1, worker=65)),
    "feed_errors_other": Drive(lambda: feeds(995, 5, "other"), lambda: feeds(989, 11, "other")),
    "feed_errors_v1": Drive(lambda: feeds(990, 10, "v1"), lambda: feeds(989, 11, "v1")),
    "feed_errors_v2": Drive(lambda: feeds(990, 10, "v2"), lambda: feeds(989, 11, "v2")),
    "feed_time_v1": Drive(
        lambda: (feeds_in(0.1, "v1", 95), feeds_in(0.6, "v1", 5)),
        lambda: (feeds_in(0.1, "v1", 94), feeds_in(0.6, "v1", 6)),
    ),
    "feed_time_v2": Drive(
        lambda: (feeds_in(0.1, "v2", 95), feeds_in(0.6, "v2", 5)),
        lambda: (feeds_in(0.1, "v2", 94), feeds_in(0.6, "v2", 6)),
    ),
    "figures_unreadable": Drive(lambda: None, lambda: redis_away()),
    "moderation_backlog": Drive(lambda: a_case(OVERDUE - 1), lambda: a_case(OVERDUE + 1)),
    "old_path": Drive(
        lambda: (turned_up("99.9"), starts(1, version="v1")), lambda: (turned_up("100"), starts(1, version="v1"))
    ),
    "read_model_mismatches": Drive(lambda: compared(0), lambda: compared(1)),
    "reports_after_step": Drive(lambda: a_step(10), lambda: a_step(11)),
    "silent_beat": Drive(lambda: seen(beat=55), lambda: seen(beat=65)),
    "sms_delivery_success": Drive(
        lambda: (make(90, "delivered"), make(10, "failed")), lambda: (make(89, "delivered"), make(11, "failed"))
    ),
    "sms_filtered": Drive(lambda: make(5, "failed"), lambda: make(1, "undelivered", code=30007, reason="filtered")),
    "sms_outbox_age": Drive(lambda: due_for(55), lambda: due_for(65)),
    "sms_refused": Drive(lambda: make(5, "failed", hours=0), lambda: make(1, "failed", hours=0, reason="our_account")),
    "sms_volume": Drive(lambda: (make(90, "sent"), make(10, "queued")), lambda: (make(89, "sent"), make(11, "queued"))),
    "start_errors": Drive(lambda: (starts(90), starts(10, "failed")), lambda: (starts(89), starts(11, "failed"))),
    "start_success": Drive(
        lambda: (starts(80), starts(5, "exists"), starts(15, "unserved"), starts(900, "refused")),
        lambda: (starts(79), starts(5, "exists"), starts(16, "unserved"), starts(900, "refused")),
    ),
    "start_success_low": Drive(lambda: (starts(95), starts(5, "failed")), lambda: (starts(94), starts(6, "failed"))),
    "start_time": Drive(
        lambda: (started_in(0.9, 95), started_in(1.5, 5)), lambda: (started_in(0.9, 94), started_in(1.5, 6))
    ),
    "stream_errors": Drive(lambda: streamed(1998, 2), lambda: streamed(1997, 3)),
    "text_worker_deaf": Drive(lambda: seen(beat=1, texts=55), lambda: seen(beat=1, texts=65)),
    "worker_errors": Drive(lambda: tasks(1998, 2), lambda: tasks(1997, 3)),
}

_patch: list[pytest.MonkeyPatch] = []


@pytest.fixture(autouse=True)
def patching(monkeypatch):
    _patch.append(monkeypatch)
    yield
    _patch.pop()


def limit_connections(share: float) -> None:
    """How many there really are; how many are allowed is another server's."""
    _, server, _ = work.connections()
    assert server >= 1
    _patch[-1].setattr(work, "connections", lambda: (1.0, 100 * share, 100.0))


def redis_away() -> None:
    def away(*_, **__):
        raise redis.RedisError

    _patch[-1].setattr(redis.client(), "ping", away)


def state_of(name: str) -> str:
    return next(found.state for found in alerts.look() if found.alert.name == name)


def only(name: str) -> None:
    """The others take their time, and are driven by their own line."""
    _patch[-1].setattr(alerts, "_alerts", {name: alerts.get(name)})


def test_every_condition_is_driven():
    assert set(DRIVES) == {alert.name for alert in alerts.registered()}


@pytest.mark.parametrize("name", DRIVES)
def test_it_is_quiet_under_its_threshold(db, name):
    only(name)
    DRIVES[name].under()
    assert state_of(name) == alerts.OK


@pytest.mark.parametrize("name", DRIVES)
def test_it_fires_over_its_threshold(db, name):
    only(name)
    DRIVES[name].over()
    assert state_of(name) == alerts.FIRING


# --- As the older plans named them -----------------------------------------------------------------

AS_PLANNED = {
    "sms_volume": ("critical", 0, 0.90),
    "feed_errors_v2": ("critical", 0, 0.01),
    "average_feed_time": ("critical", 5, 1.0),
    "sms_delivery_success": ("critical", 0, 0.90),
    "start_success": ("critical", 10, 0.85),
    "start_success_low": ("warning", 15, 0.95),
    "start_errors": ("critical", 0, 0.10),
    "start_time": ("warning", 10, 1.0),
    "adoption": ("info", 15, 0.05),
    "old_path": ("info", 0, 0),
    "reports_after_step": ("critical", 0, 10),
    "database_connections": ("critical", 2, 0.80),
    "worker_errors": ("warning", 0, 0.001),
    "stream_errors": ("warning", 0, 0.001),
}


def test_thresholds_are_those_of_the_plans():
    found = {name: alerts.get(name) for name in AS_PLANNED}
    assert {name: (a.severity, a.minutes, a.limit.value) for name, a in found.items()} == AS_PLANNED


# Written by hand: what the plans call triggers, and the command that takes it back.
ROLLBACKS = {
    "average_feed_time": "manage.py feed swap --to v1",
    "feed_errors_v2": "manage.py feed swap --to v1",
    "feed_time_v2": "manage.py feed swap --to v1",
    "read_model_mismatches": "manage.py feed swap --to v1",
    "sms_volume": "manage.py waffle_flag messages_readmodel_v2 --deactivate",
    "start_errors": "manage.py waffle_flag messaging_v2 --deactivate",
    "start_success": "manage.py waffle_flag messaging_v2 --deactivate",
}


def test_triggers_name_the_command_that_rolls_back():
    found = {alert.name: alert.rollback for alert in alerts.registered() if alert.rollback}
    assert "--deactivate" in found.pop("reports_after_step")
    assert found == ROLLBACKS


@pytest.mark.parametrize("command", sorted(set(ROLLBACKS.values())))
def test_each_of_those_commands_takes_it_back(db, command):
    from django.core.management import call_command

    Flag.objects.update(percent=50)
    LiveModel.objects.update(live="v2")
    _, *words = command.split()
    call_command(*words)
    if words[0] == "feed":
        assert read_models.live() == "v1"
        assert not Flag.objects.get(name=names.MESSAGES_READMODEL_V2).everyone
    else:
        assert Flag.objects.get(name=words[1]).everyone is False


# --- What is too little to say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "drive"),
    [
        ("start_success", lambda: starts(4, "failed")),
        ("start_errors", lambda: starts(4, "failed")),
        ("start_time", lambda: started_in(5, 4)),
        ("average_feed_time", lambda: feeds_in(5, "v1", 4)),
        ("feed_errors_v1", lambda: feeds(0, 4, "v1")),
        ("worker_errors", lambda: tasks(10, 1)),
        ("stream_errors", lambda: streamed(10, 1)),
        ("adoption", lambda: (turned_up("100"), starts(19, version="v1"))),
        ("deaf_worker", lambda: seen(beat=90, worker=90)),
        ("reports_after_step", lambda: None),
    ],
)
def test_too_little_wakes_nobody(db, name, drive):
    only(name)
    drive()
    assert state_of(name) == alerts.OK


def test_reports_long_after_a_step_are_no_triggers(db):
    only("reports_after_step")
    a_step(50)
    # The audit refuses changes: time is moved instead.
    later = timezone.now() + timedelta(hours=25)
    _patch[-1].setattr("moderation.watches.timezone.now", lambda: later)
    assert state_of("reports_after_step") == alerts.OK


def test_lowering_a_share_is_no_step(db):
    from rollout import steps

    AuditEntry.objects.create(action="flag_changed", object_type="x", object_id="1", data={"percent": ["50.0", "10.0"]})
    assert steps.last_forward() is None
    assert Case.objects.count() == 0
