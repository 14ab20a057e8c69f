"""Real web processes: clients whose connections are reset, workers that are killed, a Redis that is flushed. One key
has one effect, and what was answered with 201 is there, once."""

from __future__ import annotations

import http.client
import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from uuid import UUID

import pytest
from django.db import connection

from api import redis
from messaging.models import Delivery, LogEntry, Message
from tests.messaging.conftest import start
from tests.waiting import PATIENCE, crowded, wait_until
from tests.web import WORKERS, Web, read_answer, request, reset, web_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
CROWD = 50
KEYS = 100 if IS_LONG else 10
KILLS = 30 if IS_LONG else 4
SENDS_BETWEEN_KILLS = 60
SENDERS = 8
LOST = (OSError, http.client.HTTPException)


@pytest.fixture(scope="module")
def web(django_db_setup, _own_redis_database):
    with web_process() as web:
        yield web


@pytest.fixture
def talk(transactional_db, cast):
    return start(cast, cast.mvp_dealer, cast.attendee)


@pytest.fixture
def headers(cast, api) -> dict:
    return api(cast.attendee).headers


def stored(beginning: str) -> Counter:
    return Counter(Message.objects.filter(content__startswith=beginning).values_list("content", flat=True))


def assert_whole() -> None:
    """Each message with its one delivery and its one line in the log."""
    ids = set(Message.objects.values_list("id", flat=True))
    assert Counter(Delivery.objects.values_list("message_id", flat=True)) == Counter(ids)
    told = LogEntry.objects.filter(kind="message.created")
    assert Counter(told.values_list("message_id", flat=True)) == Counter(ids)


def nobody_is_at_work() -> bool:
    """Whoever called and went, and whoever worked and was killed: the database has finished with them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return cursor.fetchone() == (0,)


# --- Clients whose connections are reset -----------------------------------------------------


class Crowd:
    """Fifty callers with one key: some send another body, and some are gone before their answer comes."""

    def __init__(self, web: Web, path: str, headers: dict, number: int):
        self.web, self.path, self.headers = web, path, {**headers, "Idempotency_Key": f"key {number}"}
        self.bodies = [{"content": f"reset {number} {form}"} for form in ("one", "other")]
        self.gate = Barrier(CROWD)
        self.dice = random.Random(number)
        self.callers = [
            # Which body, and after how long the caller is gone; None is one who waits.
            (self.bodies[self.dice.random() < 0.2], self.dice.uniform(0, 0.03) if self.dice.random() < 0.5 else None)
            for _ in range(CROWD)
        ]

    def call(self, caller: tuple):
        body, patience = caller
        with self.web.open() as client:
            asked = request("POST", self.path, body, **self.headers)
            self.gate.wait(PATIENCE)
            client.sendall(asked)
            if patience is None:
                return read_answer(client)
            time.sleep(patience)
            reset(client)
        return None

    def repeated(self, body: dict):
        """What the body is answered once nobody with the key is at work any more."""
        answers = []

        def is_decided() -> bool:
            answers.append(self.web.ask("POST", self.path, body, **self.headers))
            return answers[-1].status != 409

        wait_until(is_decided)
        return answers[-1]


def test_a_key_has_one_effect_though_its_callers_are_reset(web, talk, headers, figure):
    path, counted = f"/api/v1/conversations/{talk.id}/messages", Counter()
    for number in range(KEYS):
        crowd = Crowd(web, path, headers, number)
        with crowded(), ThreadPoolExecutor(CROWD) as pool:
            answers = list(pool.map(crowd.call, crowd.callers))
        repeats = [crowd.repeated(body) for body in crowd.bodies]
        assert sorted(repeat.status for repeat in repeats) == [201, 422]
        (first,) = [repeat for repeat in repeats if repeat.status == 201]
        assert first.headers["Idempotency-Replayed"] == "true"
        for answer in filter(None, answers):
            assert answer.status in (201, 409, 422)
            if answer.status == 201:
                assert answer.body == first.body
            else:
                assert answer.json["code"] in ("idempotency_in_progress", "idempotency_mismatch")
        counted += Counter(answer.status if answer else "reset" for answer in answers)
        assert stored(f"reset {number} ") == {first.json["content"]: 1}
    figure("keys", KEYS)
    figure("calls", counted.total())
    for name, answer in {"reset": "reset", "answered 201": 201, "409": 409, "422": 422}.items():
        figure(name, counted[answer])
    figure("keys with another effect", KEYS - list(stored("reset").values()).count(1))
    assert sum(counted.values()) == KEYS * CROWD
    assert counted["reset"] > KEYS * CROWD / 4
    assert Message.objects.filter(content__startswith="reset").count() == KEYS
    assert_whole()


# --- Workers that are killed -----------------------------------------------------------------


class History:
    """What was sent, and how it was answered. With a key a sender repeats until it is told; without, never."""

    def __init__(self, web: Web, path: str, headers: dict):
        self.web, self.path, self.headers = web, path, headers
        self.lock = Lock()
        self.told: dict[str, UUID] = {}
        self.untold: set[str] = set()
        self.faults = Counter()
        self.is_over = False

    def send_on(self, sender: int) -> None:
        number = 0
        while not self.is_over:
            number += 1
            if number % 3:
                self.with_key(f"kill {sender} {number}")
            else:
                self.without_key(f"kill {sender} {number}")

    def with_key(self, content: str) -> None:
        wait_until(lambda: self.is_told(content, {"Idempotency_Key": content}))

    def without_key(self, content: str) -> None:
        if not self.is_told(content, {}):
            with self.lock:
                self.untold.add(content)

    def is_told(self, content: str, key: dict) -> bool:
        try:
            answer = self.web.ask("POST", self.path, {"content": content}, **self.headers, **key)
        except LOST as error:
            fault = type(error).__name__
        else:
            fault = answer.status
        with self.lock:
            if fault == 201:
                self.told[content] = UUID(answer.json["id"])
                return True
            self.faults[fault] += 1
        # A key is held by a transaction whose worker is gone until the database has noticed, and so is the
        # conversation: who has waited for it for five seconds is asked to come again.
        is_cut = fault in ("ConnectionResetError", "ConnectionRefusedError", "BrokenPipeError", "RemoteDisconnected")
        assert is_cut or fault == 503 or (fault == 409 and key), (fault, content)
        return False


def test_workers_killed_in_the_middle_of_sends_lose_and_double_nothing(web, talk, headers, figure):
    history = History(web, f"/api/v1/conversations/{talk.id}/messages", headers)
    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(history.send_on, number) for number in range(SENDERS)]
        try:
            for killed in range(KILLS):
                wait_until(lambda upto=(killed + 1) * SENDS_BETWEEN_KILLS: len(history.told) >= upto)
                # Of the two in turn: one that dies again soon after it was begun ends the server.
                wait_until(lambda: len(web.workers()) == WORKERS)
                os.kill(web.workers()[0].pid, signal.SIGKILL)
                redis.client().flushdb()
            wait_until(lambda: len(history.told) >= (KILLS + 1) * SENDS_BETWEEN_KILLS)
        finally:
            history.is_over = True
        for sender in senders:
            sender.result(PATIENCE)
    wait_until(nobody_is_at_work)
    found = stored("kill ")
    figure("workers killed", KILLS)
    figure("sends", len(history.told) + len(history.untold))
    figure("lost", sum(not found[content] for content in history.told))
    figure("doubled", sum(count > 1 for count in found.values()))
    assert [content for content in history.told if found[content] == 0] == []
    assert [content for content, count in found.items() if count > 1] == []
    assert set(found) <= set(history.told) | history.untold
    kept = dict(Message.objects.filter(content__in=history.told).values_list("content", "id"))
    assert kept == history.told
    assert history.faults
    assert_whole()
