"""Reads from a streaming copy: what comes from there, what never does, and a copy that falls behind, or dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections

from accounts import tokens
from api import health, redis
from api.replica import positions
from api.replica.watch import Lag, Line, Silent, Watch
from messaging import conversations
from tests.conftest import Cast, join, make_event, make_moderating_staff, make_user
from tests.messaging.conftest import start
from tests.replication import Pair, a_pair
from tests.steps import Steps
from tests.waiting import wait_until
from tests.web import Web, web_process

pytestmark = pytest.mark.slow

WRITERS = 3
steps = Steps()


class World:
    """People and a conversation, as the pair was given them."""

    def __init__(self):
        self.event = make_event()
        people = {name: make_user(name) for name in (*Cast.ROLES, "stranger")}
        people["staff"] = make_moderating_staff("staff")
        for name, role in Cast.ROLES.items():
            join(self.event, people[name], role)
        cast = Cast(event=self.event, **people)
        self.talk = start(cast, cast.mvp_dealer, cast.attendee)
        self.seen = str(conversations.send(self.talk.id, "Seen by all", by=cast.attendee).id)
        self.ids = {name: str(person.id) for name, person in people.items()}
        self.tokens = {name: tokens.issue(user=person)[1] for name, person in people.items()}


class Asked:
    """One person's calls to one web process."""

    def __init__(self, web: Web, token: str):
        self.web, self.token = web, token

    def __call__(self, method: str, path: str, body: dict | None = None) -> Any:
        answer = self.web.ask(method, f"/api/v1{path}", body, Authorization=f"Bearer {self.token}")
        assert answer.status < 500, answer.body
        return answer

    def items(self, path: str) -> list[str]:
        answer = self("GET", path)
        assert answer.status == 200, answer.body
        return [item["content"] for item in answer.json["items"]]


@pytest.fixture
def world(transactional_db) -> World:
    return World()


@pytest.fixture
def pair(world) -> Iterator[Pair]:
    """It holds what the suite's database holds."""
    with a_pair() as made:
        made.load()
        yield made


def web_of(pair: Pair, lag_seconds: int):
    return web_process(
        DATABASE_URL=pair.primary_url,
        CALLBOARD_REPLICA_URL=pair.copy_url,
        CALLBOARD_REPLICA_LAG_SECONDS=str(lag_seconds),
        CALLBOARD_WEB_WORKERS="1",
    )


def test_a_replica(pair, world, subtests, figure):
    # One puts up with a copy that is a minute behind, the other with a second.
    with web_of(pair, 60) as patient, web_of(pair, 1) as strict:

        def ask(web: Web, name: str) -> Asked:
            return Asked(web, world.tokens[name])

        def make_whole() -> None:
            """The copy is there and has everything, and what Redis knows is old enough to be believed."""
            pair.catch_up()
            redis.client().set(positions._ERA, 0)
            wait_until(lambda: is_asked(patient))
            wait_until(lambda: is_asked(strict))

        given = {"pair": pair, "world": world, "patient": patient, "strict": strict, "ask": ask, "figure": figure}
        steps.run(subtests, before=make_whole, **given)


def state(web: Web) -> dict:
    # Nobody waits for workers, of which there are none.
    for seen in (health.CANARY, "health:text-canary"):
        redis.client().set(seen, repr(time.time()))
    return web.ask("GET", "/api/health").json["checks"]["replica"]


def is_asked(web: Web) -> bool:
    return state(web)["status"] == "ok"


def lists(world: World) -> tuple[str, str]:
    return f"/events/{world.event.id}/feed", f"/conversations/{world.talk.id}/messages"


def say(asked: Asked, world: World, content: str) -> dict:
    answer = asked("POST", f"/conversations/{world.talk.id}/messages", {"content": content})
    assert answer.status == 201, answer.body
    return answer.json


@steps.add
def others_reads_come_from_the_copy_and_ones_own_writes_are_always_seen(pair, world, patient, ask):
    writer, reader = ask(patient, "attendee"), ask(patient, "mvp_dealer")
    unread = f"/events/{world.event.id}/unread"
    before = reader("GET", unread).json

    def comes_from_the_copy(holds: Callable[[], bool]) -> None:
        """On a busy machine it is passed over for a moment; who was answered by the primary then stays with it."""

        def is_seen() -> bool:
            redis.client().delete(f"{positions._PERSON}{world.ids['mvp_dealer']}")
            return holds()

        wait_until(is_seen)

    with pair.held_back():
        say(writer, world, "Only at the primary")
        for path in lists(world):
            assert writer.items(path)[0] == "Only at the primary"
            comes_from_the_copy(lambda path=path: reader.items(path)[0] != "Only at the primary")
        shown = writer("GET", f"/conversations/{world.talk.id}").json
        assert shown["last_message"]["content"] == "Only at the primary"
        comes_from_the_copy(lambda: reader("GET", unread).json == before)
        # Whoever was answered by the primary does not go back behind that.
        say(reader, world, "And I")
        assert reader.items(lists(world)[0])[:2] == ["And I", "Only at the primary"]
    pair.catch_up()
    assert ask(patient, "organizer")("GET", unread).json["conversations"] == 0


@steps.add
def what_is_said_since_a_message_is_never_asked_of_the_copy(pair, world, patient, ask):
    with pair.held_back():
        say(ask(patient, "attendee"), world, "Since then")
        path = f"{lists(world)[0]}?since={world.seen}"
        assert ask(patient, "mvp_dealer").items(path)[-1] == "Since then"


@steps.add
def a_refusal_is_the_primarys(pair, world, patient, ask):
    """What is not there may only not have arrived yet."""
    with pair.held_back():
        begun = ask(patient, "organizer")(
            "POST", f"/events/{world.event.id}/conversations", {"recipient_id": world.ids["dealer"], "content": "Hi"}
        ).json["conversation"]
        assert ask(patient, "dealer").items(f"/conversations/{begun['id']}/messages") == ["Hi"]


@steps.add
def what_changes_others_rights_holds_for_everybody_at_once(pair, world, patient, ask):
    said = say(ask(patient, "attendee"), world, "Buy gold")
    pair.catch_up()
    with pair.held_back():
        removed = ask(patient, "moderator")("POST", f"/messages/{said['id']}/remove", {"reason": "spam"})
        assert removed.status == 200, removed.body
        assert ask(patient, "mvp_dealer").items(lists(world)[1])[0] == "This message was removed by a moderator."


@steps.add
def a_token_that_was_signed_out_is_refused_at_once(pair, world, patient, strict):
    feed = lists(world)[0]
    secret = pair.on_primary("SELECT 'cb_' || repeat('A', 43)")
    pair.on_primary(
        "INSERT INTO accounts_token (id, user_id, digest, label, created_at, expires_at)"
        f" SELECT gen_random_uuid(), '{world.ids['dealer']}', sha256('{secret}'), '', now(), now() + interval '1 day'"
    )
    pair.catch_up()
    here, there = Asked(patient, secret), Asked(strict, secret)
    assert [here("GET", feed).status, there("GET", feed).status] == [200, 200]
    with pair.held_back():
        assert here("POST", "/auth/logout").status == 204
        assert [here("GET", feed).status, there("GET", feed).status] == [401, 401]


@steps.add
def with_redis_emptied_the_primary_is_asked(pair, world, patient, ask):
    with pair.held_back():
        say(ask(patient, "attendee"), world, "Before the flush")
        redis.client().flushdb()
        assert ask(patient, "attendee").items(lists(world)[0])[0] == "Before the flush"


@steps.add
def row_security_holds_on_the_copy(pair, world):
    with psycopg.connect(pair.copy_url) as opened:
        for name, seen in (("attendee", True), ("mvp_dealer", True), ("organizer", False), ("stranger", False)):
            opened.execute("SELECT callboard_enter(%s, NULL, NULL)", [world.ids[name]])
            asked = "SELECT EXISTS (SELECT FROM messaging_message WHERE conversation_id = %s), current_user"
            assert opened.execute(asked, [world.talk.id]).fetchone() == (seen, "callboard_api")
            opened.rollback()


def test_how_far_a_copy_is_behind_is_told_in_time():
    lag = Lag()
    assert lag.behind(0.0, 100, 90) is None, "it has not come to anything that was seen"
    assert lag.behind(1.0, 200, 100) == 1.0
    assert lag.behind(2.0, 300, 150) == 2.0
    assert lag.behind(3.0, 300, 200) == 2.0
    assert lag.behind(4.0, 300, 300) == 0.0
    assert lag.behind(9.0, 300, 300) == 0.0
    assert lag.behind(10.0, 400, 300) == 1.0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "why"), [(None, "is no replica any more"), ("postgres", "is no copy of this database")]
)
def test_what_is_no_copy_of_this_database_is_not_asked(monkeypatch, name, why):
    known = connections.settings["default"]
    monkeypatch.setitem(connections.settings, "replica", {**known, "NAME": name or known["NAME"]})
    primary, copy = Line("default"), Line("replica")
    try:
        with pytest.raises(Silent, match=why):
            Watch()._look(primary, copy, Lag())
    finally:
        primary.hang_up()
        copy.hang_up()
        del connections["replica"]


@steps.add
def a_copy_that_falls_behind_is_passed_over_and_shown(pair, world, strict, ask):
    reader, feed = ask(strict, "mvp_dealer"), lists(world)[0]
    with pair.held_back():
        say(ask(strict, "attendee"), world, "A while ago")
        wait_until(lambda: reader.items(feed)[0] == "A while ago")
        wait_until(lambda: not is_asked(strict))
        assert state(strict)["detail"].startswith("passed over: ")
        assert strict.ask("GET", "/api/health/ready").status == 200
    wait_until(lambda: is_asked(strict))


@steps.for_each(fault=("killed", "frozen"))
def a_copy_that_dies_under_load_fails_no_request(pair, world, strict, ask, figure, fault):
    answered, is_over, wrong = [0] * WRITERS, threading.Event(), []

    def keep_on(number: int) -> None:
        asked = ask(strict, ("attendee", "mvp_dealer")[number % 2])
        try:
            while not is_over.is_set():
                mine = f"{number}: {answered[number]}"
                say(asked, world, mine)
                # The others write too; mine is among the newest, whoever answers.
                for path in lists(world):
                    assert mine in asked.items(path)
                answered[number] += 1
        except Exception as error:
            wrong.append(error)

    def goes_on() -> bool:
        return bool(wrong) or all(now > then + 3 for now, then in zip(answered, before, strict=True))

    threads = [threading.Thread(target=keep_on, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        before = list(answered)
        wait_until(goes_on)
        pair.copy.stop() if fault == "killed" else pair.copy.freeze(is_frozen=True)
        wait_until(lambda: not is_asked(strict))
        before = list(answered)
        wait_until(goes_on)
        pair.copy.start() if fault == "killed" else pair.copy.freeze(is_frozen=False)
        wait_until(lambda: is_asked(strict))
        before = list(answered)
        wait_until(goes_on)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    figure("writes under load", sum(answered))
    figure("failed requests", len(wrong))
    assert wrong == []
    assert sum(answered) > WRITERS
