"""A read model that is swapped, or a flag that is turned, in the middle of a fan-out: everybody hears of it once."""

from __future__ import annotations

import pytest
from django.db.models import F

from messaging import conversations, publishing
from messaging.models import LogEntry
from rollout import flags, names, read_models
from tests.streams import Event

pytestmark = pytest.mark.django_db(transaction=True)

MEMBERS = ("attendee", "attendee_2", "dealer", "mvp_dealer", "organizer", "moderator")


def flag(**values):
    return lambda: flags.change(names.MESSAGES_READMODEL_V2, by=None, **values)


def swap(to: str):
    return lambda: read_models.swap(to)


# What becomes of the read model while it is handed over: before and after it.
TURNS = {
    "live v2": (swap("v1"), swap("v2")),
    "live v1 again": (swap("v2"), swap("v1")),
    "raised for some": (flag(percent=0), flag(percent=50)),
    "raised for all": (flag(percent=50), flag(percent=100)),
    "lowered for some": (flag(percent=100), flag(percent=50)),
    "put to nothing": (flag(percent=50), flag(percent=0)),
    "on for everyone": (flag(everyone=None), flag(everyone=True)),
    "off for everyone": (flag(everyone=True), flag(everyone=False)),
}


def test_a_turn_in_the_middle_of_a_fan_out_neither_loses_nor_doubles_it(cast, talk, api, process, figure):
    headers = {name: api(getattr(cast, name)).headers for name in MEMBERS}
    streams = {name: process.listen(given) for name, given in headers.items()}
    beginning = {name: one.last_id for name, one in streams.items()}
    middle: dict[str, list[Event]] = {}
    for turn, (before, after) in TURNS.items():
        before()
        message = publishing.publish(
            by=cast.organizer, event_id=cast.event.id, message_type="announcement", content=turn
        )
        # The first two in the order of their ids; the others come after the turn.
        batch = publishing.deliver(message, batch=2)
        conversations.send(talk.id, f"so far {turn}", by=cast.mvp_dealer)
        for name in ("attendee", "mvp_dealer"):
            streams[name].wait_for_words(f"so far {turn}")
        middle = {name: list(one.events) for name, one in streams.items()}
        after()
        while batch.upto is not None:
            batch = publishing.deliver(message, after=batch.upto, batch=2)
    flags.change(names.MESSAGES_READMODEL_V2, by=None, everyone=None)
    publishing.deliver_all(
        publishing.publish(by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="end")
    )
    expected = [*TURNS, "end"]
    for name in MEMBERS:
        streams[name].wait_for_words("end")
    heard = {
        name: sorted(words for words in one.said() if not words.startswith("so far")) for name, one in streams.items()
    }
    figure("broadcasts to each", len(expected) * len(heard))
    figure("lost", sum(len(set(expected) - set(words)) for words in heard.values()))
    figure("doubled", sum(len(words) - len(set(words)) for words in heard.values()))
    assert heard == dict.fromkeys(MEMBERS, sorted(expected))
    for name in MEMBERS:
        back = process.listen(headers[name], last_id=beginning[name]).wait_for_words("end")
        assert back.said() == streams[name].said(), name
        rest = process.listen(headers[name], last_id=middle[name][-1].id).wait_for_words("end")
        assert _said(middle[name]) + rest.said() == streams[name].said(), name


def _said(events: list[Event]) -> list[str]:
    return [event.data["item"]["content"] for event in events if event.kind == "message.created"]


def test_since_does_not_miss_what_was_handed_over_after_a_swap(cast, talk, api):
    read_models.swap("v1")
    message = publishing.publish(by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Torn")
    seen = conversations.send(talk.id, "seen", by=cast.attendee)
    # As where nothing else runs: whoever works beside this on the same server would have it begin earlier.
    LogEntry.objects.filter(message_id=seen.id).update(horizon=F("xid"))
    read_models.swap("v2")
    publishing.deliver_all(message)
    later = api(cast.mvp_dealer).get(f"/events/{cast.event.id}/feed?since={seen.id}").json()["items"]
    assert [item["content"] for item in later] == ["Torn"]
