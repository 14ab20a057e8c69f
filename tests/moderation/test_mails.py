"""E-mails about cases over a real connection to a mail server: none is lost, none goes out twice where it was taken."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from api.outgoing import receivers, signing
from config.environment import REPOSITORY
from messaging import conversations
from moderation import alerts
from moderation.models import Case, CaseAlert
from tests.api.test_webhooks import heads, verified
from tests.benchmarks.servers import OK, serving
from tests.broadcasts.test_chaos import Cluster, redis_program
from tests.mail_server import CUT, LATER, TAKE, mail_server
from tests.moderation.conftest import decide
from tests.waiting import PATIENCE, wait_until

MODERATORS = ["one@example.org", "two@example.org"]
LATER_ON = timedelta(hours=2)


@pytest.fixture(autouse=True)
def addressed(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_TIMEOUT = PATIENCE
    settings.MODERATOR_EMAILS = MODERATORS
    settings.PUBLIC_URL = "https://callboard.example"


def test_it_arrives_with_its_address_and_without_what_was_written(settings, cast, case):
    with mail_server() as server:
        settings.EMAIL_PORT = server.port
        assert alerts.send_due() == 1
        assert alerts.send_due() == 0
    (mail,) = server.taken
    assert mail["to"] == ", ".join(MODERATORS)
    assert mail["subject"] == "[Callboard] A case waits for a moderator"
    assert f"https://callboard.example/admin/moderation/case/{case.id}/change/" in mail.get_content()
    assert b"phone number" not in server.raw[0]


def test_what_the_server_does_not_take_is_offered_again_until_it_does(settings, cast, case):
    with mail_server(lambda number: LATER if number < 3 else TAKE) as server:
        settings.EMAIL_PORT = server.port
        assert alerts.send_due() == 0
        # Far enough for two more tries.
        assert [alerts.send_due(now=timezone.now() + LATER_ON) for _ in range(2)] == [1, 0]
    assert (server.offered, len(server.raw)) == (3, 1)


def test_a_server_that_is_gone_before_it_says_so_gets_the_same_mail_again(settings, cast, case):
    """Whether it was taken, nobody can know; a mail program shows two with one id as one."""
    with mail_server(lambda number: CUT if number == 1 else TAKE) as server:
        settings.EMAIL_PORT = server.port
        assert alerts.send_due() == 0
        assert alerts.send_due(now=timezone.now() + LATER_ON) == 1
    first, second = server.taken
    assert first["message-id"] == second["message-id"]
    assert first["message-id"].endswith("@callboard.example>")


def test_what_was_taken_stays_so_when_the_goodbye_fails(settings, cast, case):
    gone = threading.Event()
    settings.EMAIL_TIMEOUT = 1
    with mail_server() as server:
        # Never says that it has heard.
        server.on_quit = gone.wait
        settings.EMAIL_PORT = server.port
        try:
            assert alerts.send_due() == 1
            assert alerts.send_due(now=timezone.now() + LATER_ON) == 0
        finally:
            gone.set()
    assert len(server.raw) == 1


def test_one_address_that_is_refused_keeps_it_from_nobody_else(settings, cast, case):
    with mail_server() as server:
        server.refused = [b"two@example.org"]
        settings.EMAIL_PORT = server.port
        assert alerts.send_due() == 1
        assert alerts.send_due(now=timezone.now() + LATER_ON) == 0
        assert len(server.raw) == 1


def test_where_every_address_is_refused_it_waits(settings, cast, case):
    with mail_server() as server:
        server.refused = [b"@example.org"]
        settings.EMAIL_PORT = server.port
        assert alerts.send_due() == 0
        server.refused = []
        assert alerts.send_due(now=timezone.now() + LATER_ON) == 1
    assert len(server.raw) == 1


def test_a_claim_outlasts_everything_that_a_mail_server_may_take(settings):
    """Each word of the dialogue may take as long as is allowed, and each address is one more."""
    settings.EMAIL_TIMEOUT, settings.MODERATOR_EMAILS = 10, [f"m{number}@example.org" for number in range(30)]
    assert alerts.lease() >= timedelta(seconds=10 * (10 + 30))


def test_of_a_case_that_was_decided_meanwhile_nobody_is_told_that_it_waits(settings, cast, case):
    with mail_server(lambda number: LATER if number == 1 else TAKE) as server:
        settings.EMAIL_PORT = server.port
        assert alerts.send_due() == 0
        decide(case, by=cast.moderator)
        alerts.send_due(now=timezone.now() + LATER_ON)
    assert server.raw == []
    assert CaseAlert.objects.filter(sent_at=None).count() == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_while_a_slow_server_takes_its_time_nobody_else_sends_it(transactional_db, settings, cast, case):
    asked, may_answer = threading.Event(), threading.Event()

    def answer(number: int) -> bytes:
        asked.set()
        may_answer.wait(PATIENCE)
        return TAKE

    def send() -> int:
        try:
            return alerts.send_due()
        finally:
            connection.close()

    with mail_server(answer) as server, ThreadPoolExecutor(1) as pool:
        settings.EMAIL_PORT = server.port
        slow = pool.submit(send)
        assert asked.wait(PATIENCE)
        assert [alerts.send_due() for _ in range(3)] == [0, 0, 0]
        may_answer.set()
        assert slow.result(PATIENCE) == 1
    assert len(server.raw) == 1


# --- As it runs ------------------------------------------------------------------------------

REPORT = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from accounts.models import User
from moderation import reports
reports.report(sys.argv[1], reason="scam", by=User.objects.get(id=sys.argv[2]))
"""


def report_elsewhere(message, by, environment: dict) -> None:
    """By a process as the web process is one, with its own wake-up."""
    command = [sys.executable, "-c", REPORT, str(message.id), str(by.id)]
    subprocess.run(command, env=environment, cwd=REPOSITORY, check=True, timeout=PATIENCE)


@pytest.mark.slow
@pytest.mark.skipif(redis_program() is None, reason="no Redis from the wheels that could be started")
@pytest.mark.django_db(transaction=True)
def test_worker_and_beat_tell_of_a_new_case_by_mail_and_signed_webhook(
    transactional_db, settings, cast, direct, figure, monkeypatch
):
    """By the wake-up, and, where that goes nowhere, by the sweep."""
    with (
        mail_server() as server,
        serving(lambda number: OK) as (desk, target),
        tempfile.TemporaryDirectory(prefix="cb-mail-", dir="/tmp") as folder,
    ):
        monkeypatch.setenv("CALLBOARD_EMAIL_URL", f"smtp://127.0.0.1:{server.port}")
        monkeypatch.setenv("CALLBOARD_MODERATOR_EMAILS", ",".join(MODERATORS))
        monkeypatch.setenv("CALLBOARD_LOCAL_WEBHOOKS", "on")
        settings.WEBHOOKS_MAY_BE_LOCAL = True
        url = f"http://127.0.0.1:{target.port}/hook"
        receiver = receivers.add(name="Desk", url=url, types=["case.opened"], by=None)
        cluster = Cluster(Path(folder))
        nowhere = {**cluster.environment, "REDIS_URL": f"unix://{folder}/nothing.sock?db=0"}
        try:
            for name in ("redis", "worker-1", "beat-1"):
                cluster.start(name)
            for number, environment in enumerate((cluster.environment, nowhere), 1):
                said = conversations.send(direct.id, f"Number {number}", by=cast.attendee)
                began = time.monotonic()
                report_elsewhere(said, cast.mvp_dealer, environment)
                wait_until(lambda: len(server.raw) == number, 3 * PATIENCE)  # noqa: B023
                wait_until(lambda: len(desk.requests) == number, 3 * PATIENCE)  # noqa: B023
                figure("told of", 1)
                figure("longest until told", time.monotonic() - began)
        except AssertionError:
            print(cluster.logs())
            raise
        finally:
            cluster.kill_all()
        cases = [str(case_id) for case_id in Case.objects.order_by("first_reported_at").values_list("id", flat=True)]
        assert [case_id in mail.get_content() for case_id, mail in zip(cases, server.taken, strict=True)] == [True] * 2
        for case_id, request in zip(cases, desk.requests, strict=True):
            first, headers, body = heads(request)
            assert first == "POST /hook HTTP/1.1"
            assert verified(signing.secret(receiver), headers, body)
            assert json.loads(body)["data"]["case_id"] == case_id
