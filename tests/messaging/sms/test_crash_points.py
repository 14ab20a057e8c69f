"""A worker that is killed at each place that is named: the text goes out once, or is known to be unknown."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as real
from django.db import connection
from django.utils import timezone

from config.environment import REPOSITORY
from messaging.models import Text
from messaging.sms import claims, crash_points, reconciliation
from tests.messaging.sms.conftest import drain, publish

WORK = """
import django
django.setup()
from messaging.sms import {module}
{module}.{call}
"""


@pytest.fixture
def worker(told, settings, tmp_path):
    """Another process that does the work, and how it ended."""

    def run(point: str, *, module="sending", call="drain(30)", backend="simulator", **more: str) -> int:
        database = urlunsplit(urlsplit(real.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}"))
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database,
            "REDIS_URL": settings.REDIS_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "CALLBOARD_SMS_BACKEND": backend,
            "TWILIO_ACCOUNT_SID": settings.TWILIO_ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": settings.TWILIO_AUTH_TOKEN,
            "TWILIO_FROM": settings.TWILIO_FROM,
            "TWILIO_BASE_URL": told.address,
            "CALLBOARD_SMS_THREADS": "2",
            "CALLBOARD_CRASH_AT": point,
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-c", WORK.format(module=module, call=call)],
            env=environment, cwd=REPOSITORY, check=False, timeout=120, capture_output=True,
        )  # fmt: skip
        return done.returncode

    return run


def lapse() -> None:
    """Time passes: leases are over, and what is unknown is old enough."""
    past = timezone.now() - timedelta(seconds=600)
    Text.objects.filter(state="sending").update(lease_until=past)
    claims.take_over()
    Text.objects.filter(state="unknown").update(began_at=past, next_at=past)


def settle(told) -> None:
    for _ in range(3):
        lapse()
        for message in told.messages:
            message["date_created"] = _long_ago()
        reconciliation.run()
        drain()


def _long_ago() -> str:
    from email.utils import format_datetime

    return format_datetime(timezone.now() - timedelta(seconds=600))


COVERED = [
    (crash_points.CLAIMED, "queued"),
    (crash_points.BEGUN, "unknown"),
    (crash_points.ACCEPTED, "unknown"),
    (crash_points.BEFORE_COMMIT, "unknown"),
    (crash_points.COMMITTED, "sent"),
]


def test_every_declared_point_is_covered():
    assert [point for point, _ in COVERED] + [crash_points.LOOKED] == list(crash_points.POINTS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("point", "left"), COVERED)
def test_a_worker_killed_there_loses_and_doubles_nothing(told, worker, request, point, left):
    phones = request.getfixturevalue("phones")
    publish(phones)
    assert worker(point) == -9
    lapse()
    assert left in set(Text.objects.values_list("state", flat=True))
    settle(told)
    assert sorted(message["to"] for message in told.messages) == sorted(Text.objects.values_list("phone", flat=True))
    assert set(Text.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_one_killed_while_it_asks_leaves_it_unknown(told, worker, request):
    phones = request.getfixturevalue("phones")
    told.script = ["accept_then_500"] * 5
    publish(phones)
    drain()
    lapse()
    for message in told.messages:
        message["date_created"] = _long_ago()
    assert worker(crash_points.LOOKED, module="reconciliation", call="run()") == -9
    assert set(Text.objects.values_list("state", flat=True)) == {"unknown"}
    settle(told)
    assert set(Text.objects.values_list("state", flat=True)) == {"sent"}
    assert len(told.messages) == 5


@pytest.mark.django_db(transaction=True)
def test_with_a_real_provider_nothing_dies(told, worker, request):
    publish(request.getfixturevalue("phones"))
    assert worker(crash_points.CLAIMED, backend="twilio") == 0
    assert set(Text.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_only_the_first_dies_where_that_is_asked(told, worker, request, tmp_path):
    publish(request.getfixturevalue("phones"))
    mark = {"CALLBOARD_CRASH_ONCE": str(tmp_path / "mark")}
    assert worker(f"{crash_points.ACCEPTED}:2", **mark) == -9
    assert len(told.calls) >= 2
    lapse()
    assert worker(f"{crash_points.ACCEPTED}:2", **mark) == 0
