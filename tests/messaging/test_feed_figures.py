"""What the feed counts, and that a drawn request is compared as it was asked."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from messaging import feed, publishing
from messaging.feed_comparison import explain, read
from messaging.feed_figures import SOURCES
from rollout import figures, shadow, tasks, wakes
from rollout.models import Comparison, Sampling
from rollout.shadow import Window
from tests.messaging.conftest import change, start
from tests.messaging.feeds import feed as ask
from tests.messaging.feeds import items, publish, use


def requests(model: str, outcome: str = "answered") -> float:
    return figures.value("feed_requests", model=model, outcome=outcome)


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_requests_and_their_time_are_counted_by_model(cast, api, direct, model):
    use(model)
    before, timed = requests(model), figures.value("feed_seconds", "_count", model=model)
    items(api, cast, cast.attendee)
    items(api, cast, cast.attendee, since=direct.messages.get().id)
    assert requests(model) == before + 2
    assert figures.value("feed_seconds", "_count", model=model) == timed + 2


def test_messages_are_counted_by_type_and_source(cast, api):
    start(cast, cast.mvp_dealer, cast.attendee)
    start(cast, cast.organizer, cast.attendee)
    publishing.deliver_all(publish(cast, "announcement", "one"))
    publishing.deliver_all(publish(cast, "channel", "two"))

    def shown() -> dict:
        kinds = [(kind, source) for kind in ("direct", "announcement", "channel") for source in SOURCES]
        return {pair: figures.value("feed_messages", type=pair[0], source=pair[1]) for pair in kinds}

    before = shown()
    use("v1")
    items(api, cast, cast.attendee)
    use("v2")
    items(api, cast, cast.attendee, limit=3)
    items(api, cast, cast.organizer)
    counted = {pair: int(number - before[pair]) for pair, number in shown().items() if number != before[pair]}
    assert counted == {
        ("direct", "delivery"): 3,
        ("announcement", "delivery"): 1,
        ("channel", "delivery"): 1,
        ("announcement", "message"): 1,
        ("channel", "message"): 1,
        ("direct", "own"): 1,
        ("announcement", "own"): 1,
        ("channel", "own"): 1,
    }


def test_a_refusal_is_no_failure_and_a_fault_is_one(cast, api, monkeypatch):
    before = {model: requests(model, "failed") for model in ("v1", "v2", "other")}
    assert api(cast.stranger).get(f"/events/{cast.event.id}/feed").status_code == 404
    assert {model: requests(model, "failed") for model in before} == before

    def away(*_):
        raise OperationalError("the server is gone")

    monkeypatch.setattr(feed, "in_one_call", away)
    assert api(cast.attendee).get(f"/events/{cast.event.id}/feed").status_code == 503
    assert requests("other", "failed") == before["other"] + 1


# --- The comparison ------------------------------------------------------------------------------


@pytest.fixture
def woken(monkeypatch) -> list:
    """What the worker is sent; sent to nobody."""
    sent = []
    monkeypatch.setattr(wakes, "_sender", wakes._Sender())
    monkeypatch.setattr(wakes.wakeups, "send", lambda task, *arguments, **_: sent.append(arguments) or True)
    return sent


@pytest.mark.parametrize(("share", "times"), [(0, 0), (100, 2)])
def test_a_drawn_page_is_compared_as_it_was_asked(cast, api, woken, share, times):
    Sampling.objects.update(share=share)
    for number in range(3):
        publishing.deliver_all(publish(cast, "announcement", str(number)))
    first = ask(api, cast, cast.attendee, limit=2)
    ask(api, cast, cast.attendee, limit=2, cursor=first["next_cursor"])
    assert wakes.finish()
    assert len(woken) == times
    for arguments in woken:
        tasks.compare_read_models(*arguments)
    found = Comparison.objects.order_by("at", "id")
    assert [comparison.in_both for comparison in found] == ([2, 1] if times else [])
    assert [comparison.mismatches for comparison in found] == [0] * times


def test_both_models_are_read_and_differences_explained(cast):
    change(cast, cast.attendee, tags=["crew"])
    delivered = publish(cast, "channel", "crew", tags=["crew"])
    publishing.deliver_all(delivered)
    waiting = publish(cast, "announcement", "not delivered yet")
    change(cast, cast.attendee, tags=[])
    talk = start(cast, cast.mvp_dealer, cast.attendee).messages.get()
    window = {"event_id": cast.event.id, "window": Window(50), "by": cast.attendee}
    assert list(read("v1", **window)) == [(talk.created_at, talk.id), (delivered.created_at, delivered.id)]
    assert list(read("v2", **window)) == [(talk.created_at, talk.id), (waiting.created_at, waiting.id)]
    older = Window(50, (talk.created_at, talk.id))
    assert list(read("v1", **{**window, "window": older})) == [(delivered.created_at, delivered.id)]
    ids = [delivered.id, talk.id, waiting.id]
    assert explain(event_id=cast.event.id, ids=ids, by=cast.attendee) == {delivered.id}
    comparison = shadow.compare(cast.event.id, cast.attendee.id, Window(50))
    assert (comparison.in_both, comparison.mismatches, comparison.explained, comparison.only_v2) == (1, 0, 1, 1)
