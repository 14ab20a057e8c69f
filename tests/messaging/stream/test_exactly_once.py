"""A hundred clients that are cut at random, while web workers and the stream process are killed and Redis is emptied
and restarted: everybody hears everything that is theirs, once."""

from __future__ import annotations

import http.client
import os
import random
import tempfile
import threading
import time

import pytest
import redis
from django.conf import settings

from accounts import tokens
from messaging import conversations, publishing
from rollout import read_models
from tests.config.test_stream import Redis
from tests.conftest import join, make_user
from tests.messaging.stream import history
from tests.messaging.stream.history import Follower
from tests.streams import StreamProcess
from tests.waiting import free_port, wait_until
from tests.web import WORKERS, web_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
CLIENTS, PEOPLE, WRITERS = 100, 20, 4
ROUNDS = int(os.environ.get("CALLBOARD_STREAM_ROUNDS") or (40 if IS_LONG else 2))
SLOW = 3
CONSTANTS = ("listeners.MOST_UNREAD = 20_000", "hub.MOST_KEPT = 60", "catching_up.MOST_AT_ONCE = 20")


class Place:
    """The processes, each of which may be killed and comes back."""

    def __init__(self, folder: str):
        self.folder, self.port = folder, free_port()
        self.redis = Redis(folder)
        self.stream: StreamProcess | None = None

    def _begin_stream(self) -> None:
        self.stream = StreamProcess(*CONSTANTS, port=self.port, REDIS_URL=self.redis.url)

    def start_stream(self) -> None:
        self._begin_stream()
        self.stream.wait_until_ready()

    def kill_stream(self) -> None:
        """The next one is on its way, but not there yet."""
        self.stream.kill()
        self._begin_stream()

    def empty_redis(self) -> None:
        redis.Redis(unix_socket_path=self.redis.path).flushall()

    def restart_redis(self) -> None:
        self.redis.process.kill()
        self.redis.process.wait()
        self.redis.__enter__()


class Writers:
    """They send through the web process; of one whose answer did not come nobody knows whether it was written."""

    def __init__(self, web, talks: list[tuple[str, dict]], seed: int):
        self.web, self.talks, self.seed = web, talks, seed
        self.sent = self.unanswered = 0
        self.is_stopping = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(number,), daemon=True) for number in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def _write(self, number: int) -> None:
        dice = random.Random(self.seed + number)
        while not self.is_stopping.is_set():
            talk, headers = dice.choice(self.talks)
            try:
                body = {"content": f"chaos {self.sent} {'x' * dice.randrange(900)}"}
                answer = self.web.ask("POST", f"/api/v1/conversations/{talk}/messages", body, **headers)
                self.sent += answer.status == 201
            except (OSError, http.client.HTTPException):
                self.unanswered += 1
            time.sleep(0.01)

    def stop(self) -> None:
        self.is_stopping.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def place(transactional_db, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="stream", dir="/tmp") as folder:
        place = Place(folder)
        with place.redis:
            monkeypatch.setattr(settings, "REDIS_URL", place.redis.url)
            place.start_stream()
            yield place
            place.stream.kill()


@pytest.fixture
def people(cast):
    users = [make_user(f"person_{number}") for number in range(PEOPLE)]
    for user in users:
        join(cast.event, user, "attendee")
    return users


@pytest.mark.parametrize("model", ["v1", "v2"] if IS_LONG else ["v1"])
def test_everybody_hears_everything_once_whatever_is_killed(place, cast, people, model, figure):
    read_models.swap(model)
    dice = random.Random(1)
    headers = {
        user.id: {"Authorization": f"Bearer {tokens.issue(user=user)[1]}"} for user in (*people, cast.mvp_dealer)
    }
    talks = []
    for user in people:
        talk = conversations.start(cast.event.id, user.id, "Hello", by=cast.mvp_dealer).conversation.id
        talks += [(talk, headers[user.id]), (talk, headers[cast.mvp_dealer.id])]
    followers = [
        Follower(place.port, str(user.id), headers[user.id], pause=0.05 if number < SLOW else 0)
        for number, user in enumerate(people[number % PEOPLE] for number in range(CLIENTS))
    ]
    wait_until(lambda: all(one.has_begun.is_set() for one in followers))
    injected = dict.fromkeys(("clients cut", "web workers killed", "stream killed", "Redis emptied", "Redis killed"), 0)
    with web_process() as web:
        writers = Writers(web, talks, seed=2)
        for number in range(ROUNDS):
            for follower in history.some(followers, CLIENTS // 4, dice):
                follower.cut()
                injected["clients cut"] += 1
            _announce(cast, number)
            # The one that has lived longest: of one that is killed right after its beginning the server thinks that it
            # cannot begin at all, and gives up.
            web.workers()[0].kill()
            injected["web workers killed"] += 1
            place.kill_stream()
            injected["stream killed"] += 1
            if number % 2:
                place.restart_redis()
                injected["Redis killed"] += 1
            else:
                place.empty_redis()
                injected["Redis emptied"] += 1
            wait_until(lambda: len(web.workers()) == WORKERS)
            place.stream.wait_until_ready()
            time.sleep(0.5)
        writers.stop()
    _announce(cast, ROUNDS)
    for follower in followers:
        follower.hurry()
    history.wait_for_all(followers)
    found = history.compare(followers)
    for follower in followers:
        follower.stop()
    injected["clients cut"] = sum(one.cuts for one in followers)
    figure("clients", found.clients)
    figure("events meant", found.meant)
    figure("lost", found.lost)
    figure("doubled", found.doubled)
    figure("not theirs", found.not_theirs)
    figure("out of order", found.disordered)
    figure("clients cut", injected.pop("clients cut"))
    figure("servers killed or emptied", sum(injected.values()))
    assert (found.lost, found.doubled, found.not_theirs, found.disordered, found.resets) == (0, 0, 0, 0, 0)
    assert found.messages > ROUNDS


def _announce(cast, number: int) -> None:
    """To all, handed over in many small batches."""
    message = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="announcement", content=f"chaos announced {number}"
    )
    publishing.deliver_all(message, batch=5)
