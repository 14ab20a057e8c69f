"""Connections to the database that are cut before, during and after COMMIT: nothing that was answered with 201 is lost,
and nothing is there twice."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from django.db import connection

from messaging.models import Delivery, LogEntry, Message
from tests.messaging.conftest import start
from tests.proxy import proxied
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MOMENTS = ("before", "during", "after")
ROUNDS = 10


@pytest.fixture
def people(transactional_db, cast):
    return cast


@pytest.fixture
def send(people, cast, api):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)

    def call(content, key=None):
        headers = {"Idempotency_Key": key} if key else {}
        return caller.post(f"/conversations/{talk.id}/messages", {"content": content}, **headers)

    return call


def stored() -> Counter:
    return Counter(Message.objects.filter(content__startswith="cut").values_list("content", flat=True))


def others_at_work() -> set[int]:
    """Whom the database serves besides us."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


@pytest.fixture
def settled(people):
    """Waits until the server has noticed of each connection that it was cut, and is done with what came by it."""
    before = others_at_work()
    return lambda: wait_until(lambda: others_at_work() <= before)


def assert_whole() -> None:
    """Each message with its one delivery and its one line in the log."""
    ids = set(Message.objects.values_list("id", flat=True))
    assert Counter(Delivery.objects.values_list("message_id", flat=True)) == Counter(ids)
    told = LogEntry.objects.filter(kind="message.created")
    assert Counter(told.values_list("message_id", flat=True)) == Counter(ids)


def test_without_a_key_a_cut_send_is_whole_or_absent_and_never_answered_with_201(send, settled, figure):
    planned = {f"cut {moment} {number}": moment for moment, number in product(MOMENTS, range(ROUNDS))}
    with proxied() as proxy:
        send("warm")
        codes = {}
        for content, moment in planned.items():
            proxy.cuts[content.encode()] = moment
            codes[content] = send(content).status_code
            # The next one is answered as if nothing had been.
            assert send("between").status_code == 201
        assert Counter(proxy.done) == dict.fromkeys(MOMENTS, ROUNDS)
    assert set(codes.values()) == {503}
    settled()
    found = stored()
    figure("sends", len(planned))
    figure("connections cut", sum(Counter(proxy.done).values()))
    figure("lost", sum(not found[content] for content, moment in planned.items() if moment == "after"))
    figure("doubled", sum(found[content] > 1 for content in planned))
    assert not any(found[content] for content, moment in planned.items() if moment == "before")
    assert all(found[content] == 1 for content, moment in planned.items() if moment == "after")
    assert all(found[content] <= 1 for content in planned)
    assert_whole()


@pytest.mark.parametrize("place", ["work", "commit"])
def test_with_a_key_a_repeat_brings_exactly_one_message_whatever_was_cut(send, settled, figure, place):
    planned = [(moment, f"cut {moment} {number}") for moment, number in product(MOMENTS, range(ROUNDS))]
    answered, tries = {}, Counter()
    with proxied() as proxy:
        send("warm", "warm")
        for moment, content in planned:
            # The text travels with the work; as JSON it travels with the answer that is kept, and COMMIT.
            mark = content if place == "work" else f'"content":"{content}"'
            proxy.cuts[mark.encode()] = moment

            def is_answered(content=content):
                tries[content] += 1
                answer = send(content, f"key {content}")
                if answer.status_code == 201:
                    answered[content] = answer
                    return True
                # The server may still be at work for the connection that is gone; it holds the key meanwhile.
                assert answer.status_code in (409, 503), answer.json()
                return False

            wait_until(is_answered)
        assert Counter(proxy.done) == dict.fromkeys(MOMENTS, ROUNDS)
    settled()
    figure("sends", tries.total())
    figure("connections cut", sum(Counter(proxy.done).values()))
    figure("lost", sum(not stored()[content] for content in answered))
    figure("doubled", sum(count > 1 for count in stored().values()))
    assert len(answered) == len(planned)
    assert all(count >= 2 for count in tries.values())
    assert stored() == Counter(list(answered))
    kept = dict(Message.objects.values_list("content", "id"))
    assert {content: answer.json()["id"] for content, answer in answered.items()} == {
        content: str(kept[content]) for content in answered
    }
    # After the COMMIT it is the first answer that comes again.
    if place == "commit":
        again = {content for content, answer in answered.items() if answer.get("Idempotency-Replayed")}
        assert {content for moment, content in planned if moment == "after"} <= again
        assert not {content for moment, content in planned if moment == "before"} & again
    assert_whole()
