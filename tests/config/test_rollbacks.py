"""Every way back, walked on one running system under light load, by the commands of the documents: a flag off, the read
model swapped back, the bridge's cutover undone, a backup restored. Each is timed until the system shows it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from config import backups
from config.environment import REPOSITORY
from config.postgres_programs import Server
from events.models import Event
from messaging.models import Conversation
from rollout import flags, names, read_models
from tests.conftest import join
from tests.legacy.conftest import OldSide, committed, old  # noqa: F401
from tests.promises.figures import Figure
from tests.waiting import PATIENCE, wait_until
from tests.web import Web, web_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
MESSAGES = 50_000


def manage(*words: str) -> None:
    """As an operator gives it: a process of its own, on the database of the test."""
    parts = urlsplit(settings.DATABASE_URL)
    environment = os.environ | {
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
        "REDIS_URL": settings.REDIS_URL,
    }
    ran = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


class Load:
    """Two people who write, read and look what is new, all the time; what was not answered as it should be."""

    def __init__(self, web: Web, talk, headers: list[dict]):
        self.web, self.talk, self.headers = web, talk, headers
        self.made, self.failed, self.is_over = 0, [], threading.Event()
        self.threads = [threading.Thread(target=self._keep_on, args=(one,)) for one in headers]

    def _keep_on(self, headers: dict) -> None:
        event, path = self.talk.event_id, f"/conversations/{self.talk.id}/messages"
        calls = [("POST", path, 201), ("GET", path, 200), ("GET", f"/events/{event}/feed", 200)]
        calls.append(("GET", f"/events/{event}/unread", 200))
        while not self.is_over.wait(0.05):
            for method, asked, expected in calls:
                body = {"content": "All the time"} if method == "POST" else None
                try:
                    answer = self.web.ask(method, f"/api/v1{asked}", body, **headers)
                    if answer.status != expected:
                        self.failed.append(f"{method} {asked}: {answer.status} {answer.body[:300]!r}")
                except OSError as error:
                    self.failed.append(f"{method} {asked}: {error!r}")
                self.made += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(PATIENCE)


@pytest.fixture
def ancient(committed, cast, old):  # noqa: F811
    """A conversation of the old messenger, in a system that has everything to go back from: all read by v2 because of
    a flag, the bridge is cut over; and history enough to take a while."""
    ancient = old.talk(cast.mvp_dealer, cast.attendee)
    call_command("seed_load", messages=MESSAGES, users=300, conversations=500, broadcasts=50, verbosity=0)
    for person in (cast.attendee, cast.mvp_dealer):
        join(Event.objects.exclude(id=cast.event.id).get(), person)
    flags.change(names.MESSAGING_V2, by=None, everyone=True)
    flags.change(names.MESSAGES_READMODEL_V2, by=None, percent=100)
    for step in ("attach", "backfill", "verify", "cutover"):
        call_command("legacy", step, *(["--event", cast.event.slug] if step == "attach" else []))
    return ancient


@contextmanager
def timed(figure: Figure, name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    figure(name, time.monotonic() - began)


def turn_back(model: Callable[[], str], figure: Figure) -> None:
    """The first two: asked of the web process until it shows them."""
    assert model() == "v2"
    with timed(figure, "flag off"):
        manage("waffle_flag", names.MESSAGES_READMODEL_V2, "--deactivate")
        wait_until(lambda: model() == "v1")
    read_models.swap("v2")
    wait_until(lambda: model() == "v2")
    with timed(figure, "read model swapped back"):
        manage("feed", "swap", "--to", "v1")
        wait_until(lambda: model() == "v1")


def may_write(cast, old: OldSide, talk) -> bool:  # noqa: F811
    try:
        with transaction.atomic():
            old.say(talk, cast.mvp_dealer, cast.attendee)
    except DatabaseError:
        return False
    return True


def restore(file: Path, name: str, figure: Figure) -> dict[str, int]:
    """Into a database of its own, until a web process answers from it; the rows that the backup counted."""
    with timed(figure, "backup made and restored"):
        manage("backup", str(file), "--no-check")
        manage("restore", str(file), "--into", name)
        parts = urlsplit(settings.DATABASE_URL)
        with web_process(DATABASE_URL=urlunsplit(parts._replace(path=f"/{name}")), CALLBOARD_WEB_WORKERS="1") as web:
            assert web.ask("GET", "/api/health/ready").status == 200
    return backups.Manifest.of(file).rows


if IS_LONG:

    def test_every_way_back_is_walked_under_load_and_fails_no_request(cast, api, old, ancient, tmp_path, figure):  # noqa: F811
        talk = Conversation.objects.get(id=ancient)
        headers = [api(person).headers for person in (cast.attendee, cast.mvp_dealer)]
        copy, feed = f"{backups.present()}_rollback", f"/api/v1/events/{talk.event_id}/feed"
        with web_process() as web, Load(web, talk, headers) as load:
            turn_back(lambda: web.ask("GET", feed, **headers[0]).json["read_model"], figure)
            assert not may_write(cast, old, ancient)
            with timed(figure, "legacy rollback"):
                manage("legacy", "rollback")
                wait_until(lambda: may_write(cast, old, ancient))
            try:
                rows = restore(tmp_path / "callboard.dump", copy, figure)
                with Server.of_django().of(copy).connect() as opened:
                    found = backups.counted(opened)
            finally:
                backups.drop(copy)
        figure("requests", load.made)
        figure("failed requests", len(load.failed))
        figure("rows restored", sum(rows.values()))
        # In the copy writing is off, which is a row.
        differing = {table for table in rows if found[table] != rows[table]} - {"public.api_maintenance"}
        figure("tables that differ", len(differing))
        assert load.failed == []
        assert differing == set()
