"""The read model is swapped back and forth while people read and write: no request fails, and no walk mixes models."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from django.db import connections

from messaging import conversations, publishing
from messaging.models import Message
from rollout import flags, names, read_models
from tests.messaging.conftest import start
from tests.messaging.feeds import publish, use, walk
from tests.waiting import PATIENCE, crowded

SWAPS = 20
SOURCES = {"v1": {"own", "delivery"}, "v2": {"own", "delivery", "message"}}


class Load:
    """Threads that do their work again and again until told to stop; what went wrong in them."""

    def __init__(self):
        self.is_over, self.wrong, self.threads = threading.Event(), [], []
        self.done: Counter[str] = Counter()

    def add(self, name: str, work) -> None:
        def keep_on():
            try:
                while not self.is_over.is_set():
                    work()
                    self.done[name] += 1
            except BaseException as error:
                self.wrong.append(error)
            finally:
                connections.close_all()

        self.threads.append(threading.Thread(target=keep_on))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(PATIENCE)


@pytest.fixture
def busy(transactional_db, cast):
    talk = start(cast, cast.organizer, cast.attendee, "first")
    for number in range(12):
        publishing.deliver_all(publish(cast, "announcement", f"announcement {number}"))
        conversations.send(talk.id, f"direct {number}", by=cast.organizer)
    return cast


def answered(response):
    assert response.status_code in (200, 201, 204), response.content
    return response.json() if response.content else None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_twenty_swaps_under_load_fail_no_request_and_mix_no_walk(busy, api, figure):
    cast, seen = busy, Counter()
    address = f"/events/{cast.event.id}/feed"
    first = Message.objects.get(content="first")
    there = {str(message.id) for message in Message.objects.all()}

    def walk_pages(caller):
        """All of a walk is of one model, whole, and nothing twice."""
        found = answered(caller.get(f"{address}?limit=5"))
        model, ids = found["read_model"], []
        while True:
            assert found["read_model"] == model
            assert {item["source"] for item in found["items"]} <= SOURCES[model]
            at_large = [item for item in found["items"] if item["message_type"] != "direct"]
            assert {item["source"] for item in at_large} <= {"own", "delivery" if model == "v1" else "message"}
            ids += [item["message_id"] for item in found["items"]]
            if found["next_cursor"] is None:
                break
            found = answered(caller.get(f"{address}?limit=5&cursor={found['next_cursor']}"))
        assert len(ids) == len(set(ids))
        assert there <= set(ids)
        seen[model] += 1

    def poll(caller):
        found = answered(caller.get(f"{address}?limit=5&since={first.id}"))
        model = found["read_model"]
        while found["next_cursor"]:
            found = answered(caller.get(f"{address}?limit=5&cursor={found['next_cursor']}"))
            assert found["read_model"] == model
        latest = answered(caller.get(f"{address}?limit=1"))["items"][0]["message_id"]
        answered(caller.get(f"{address}?since={latest}"))
        answered(caller.post(f"{address}/read", {"message_id": latest}))
        answered(caller.get(f"/events/{cast.event.id}/unread"))
        answered(caller.get(f"/features?event={cast.event.id}"))

    def write():
        publishing.deliver_all(publish(cast, "announcement", "meanwhile", roles=["moderator"]))

    load, attendee = Load(), api(cast.attendee)
    load.add("walks", lambda: walk_pages(attendee))
    load.add("walks", lambda: walk_pages(api(cast.attendee)))
    load.add("polls", lambda: poll(attendee))
    load.add("writes", write)
    with crowded(), load:
        for number in range(SWAPS):
            before = dict(load.done)
            assert read_models.swap("v1" if number % 2 else "v2") is True
            # Somebody has read since, by whichever it was.
            for _ in range(int(PATIENCE * 50)):
                if load.wrong or load.done["walks"] > before.get("walks", 0) + 1:
                    break
                threading.Event().wait(0.02)
            assert load.wrong == []
    figure("swaps", SWAPS)
    figure("walks", seen.total())
    figure("polls", load.done["polls"])
    figure("failed requests", len(load.wrong))
    assert load.wrong == []
    assert seen["v1"] > 0
    assert seen["v2"] > 0
    assert load.done["polls"] > 0
    assert load.done["writes"] > 0


@pytest.mark.django_db(transaction=True)
def test_the_flag_moves_people_one_by_one_and_their_walks_end_as_they_began(busy, api):
    cast = busy
    use("v1")
    caller = api(cast.attendee)
    found = answered(caller.get(f"/events/{cast.event.id}/feed?limit=5"))
    flags.change(names.MESSAGES_READMODEL_V2, by=None, percent=100, everyone=None)
    assert answered(caller.get(f"/events/{cast.event.id}/feed?limit=5"))["read_model"] == "v2"
    rest = walk(api, cast, cast.attendee, limit=5, cursor=found["next_cursor"])
    assert {item["source"] for page in rest for item in page if item["message_type"] != "direct"} == {"delivery"}
    read_models.swap("v1")
    assert answered(caller.get(f"/events/{cast.event.id}/feed"))["read_model"] == "v1"
