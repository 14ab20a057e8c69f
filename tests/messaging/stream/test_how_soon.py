"""How soon open streams follow what becomes of people: by the long form alone, as nothing here is held to a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from uuid import UUID

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.models import Token, User
from events import blocks, memberships
from messaging import conversations, typing
from tests.conftest import join, make_user
from tests.messaging.conftest import change, membership
from tests.messaging.stream.test_rights import signed_in
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TIMES = 20


class Stopwatch:
    """From the moment at which something had committed until it was seen."""

    def __init__(self):
        self.took: dict[str, list[float]] = {}

    def time(self, what: str, act: Callable[[], object], is_seen: Callable[[], object]) -> None:
        act()
        began = time.perf_counter()
        while not is_seen():
            assert time.perf_counter() - began < 60
            time.sleep(0.001)
        self.took.setdefault(what, []).append(time.perf_counter() - began)

    def table(self) -> list[str]:
        return [
            f"{what}: median {median(took) * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms of {len(took)}"
            for what, took in self.took.items()
        ]


def end_streams(cast, process, api, number: int, watch: Stopwatch) -> None:
    person = make_user(f"person_{number}")
    stream = process.listen(api(person).headers)
    watch.time("signed out", lambda: tokens.revoke(Token.objects.get(user=person).id, by=None), stream.is_over.is_set)
    session, headers = signed_in(person)
    stream = process.listen(headers)
    watch.time("session ended", session.delete, stream.is_over.is_set)
    stream = process.listen(api(person).headers)
    switched_off = lambda: User.objects.filter(id=person.id).update(is_active=False)  # noqa: E731
    watch.time("switched off", switched_off, stream.is_over.is_set)


def turn_rights(cast, listen, announce, number: int, watch: Stopwatch) -> None:
    """What is said right after it goes by what is true then, and reaches who may hear it."""
    person = make_user(f"member_{number}")
    join(cast.event, person)
    stream, author = listen(person), listen(cast.organizer)

    def told(words: str, **whom) -> Callable[[], bool]:
        announce(words, **whom)
        return lambda: words in author.said()

    mine = membership(cast, person)
    for what, role, tags, whom in (
        ("tag given", "attendee", ["crew"], {"tags": ["crew"]}),
        ("role given", "dealer", ["crew"], {"roles": ["dealer"]}),
    ):
        memberships.change(mine, role=role, tags=tags, by=None)
        watch.time(what, lambda w=what, whom=whom: told(w, **whom), lambda w=what: w in stream.said())
    memberships.change(mine, role="attendee", tags=[], by=None)
    told("no more for it", tags=["crew"])
    told("nor for it", roles=["dealer"])
    memberships.remove(mine, by=None)
    is_told = told("without it")
    wait_until(is_told)
    assert stream.said() == ["tag given", "role given"]
    stream.cut(), author.cut()


def stop_typing(cast, listen, other: UUID, number: int, watch: Stopwatch) -> None:
    person = make_user(f"typist_{number}")
    join(cast.event, person, "mvp_dealer")
    talk = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=person).conversation.id
    stream = listen(cast.attendee)

    def seen(conversation) -> int:
        return sum(told["conversation_id"] == str(conversation) for told in stream.of("typing"))

    wait_until(lambda: (typing.tell(talk, by=person), seen(talk))[1])
    before = seen(other)
    typing.tell(other, by=cast.moderator)
    wait_until(lambda: seen(other) > before)
    was, before = seen(talk), seen(other)
    if number % 2:
        change(cast, person, muted_until=timezone.now() + timezone.timedelta(hours=1))
    else:
        blocks.block(person.id, by=cast.attendee)
    typing.tell(talk, by=person)
    watch.time(
        "muted, blocked: the next typing", lambda: typing.tell(other, by=cast.moderator), lambda: seen(other) > before
    )
    assert seen(talk) == was
    stream.cut()


if os.environ.get("CALLBOARD_TEST_LONG"):

    def test_how_soon_open_streams_follow(cast, process, api, listen, announce, figure):
        watch = Stopwatch()
        other = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.moderator).conversation.id
        for number in range(TIMES):
            end_streams(cast, process, api, number, watch)
            turn_rights(cast, listen, announce, number, watch)
            stop_typing(cast, listen, other, number, watch)
        figure("changes of rights", sum(map(len, watch.took.values())))
        figure("until an open stream follows, median", max(map(median, watch.took.values())))
        print("\n".join(watch.table()))
