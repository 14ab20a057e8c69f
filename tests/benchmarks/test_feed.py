"""What the benchmark of the feed asks fits the database as it is now. No figure is looked at."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from benchmarks import bounds, feed, load
from benchmarks.calls import Event
from benchmarks.stand import Stand
from events.models import Event as EventRow
from messaging import load as batches
from messaging.invention import Sizes
from messaging.models import Delivery, Message
from tests.benchmarks.test_bounds_and_calls import database_url

SIZES = Sizes(users=40, conversations=60, messages=300, broadcasts=4)
UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event(transactional_db, live_server, settings) -> Event:
    settings.RATE_LIMIT = None
    made = batches.make(SIZES, seed=9, until=UNTIL)
    stand = Stand(int(live_server.url.rpartition(":")[2]), database_url())
    return Event(stand, {"event_id": str(made.id), "users": batches.issue_tokens(made, 40)})


@pytest.mark.parametrize("model", feed.MODELS)
def test_pgbench_reads_the_same_feed_with_policies_and_without(event, model):
    with feed.readers(event.stand, event.id) as number:
        assert number == 40
        for kind in ("", "_without_policies"):
            assert bounds.pgbench(event.stand, f"feed_{model}{kind}", pairs=number, seconds=1).rate > 0
        asks = (
            f"feed_page_as(drawn.reader, NULL, NULL, drawn.event, '{model}', 'infinity',"
            " 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50, '{a,b,c}') answer",
            f"benchmark_feed_without_policies(drawn.reader, drawn.event, '{model}', 50, '{{a,b,c}}') answer",
        )
        with event.stand.database() as database:
            # Each in a statement of its own: the role that one takes lasts to its end.
            found = [
                [
                    database.execute(f"SELECT items FROM benchmark_reader drawn, {ask} WHERE no = {no}").fetchone()
                    for no in range(1, number + 1)
                ]
                for ask in asks
            ]
    assert found[0] == found[1]
    assert any(row.items for row in found[0])


def test_the_events_it_compares_have_what_they_say(event):
    for size in (20, 100):
        event_id = feed.make_event(event.stand, event, size, people=10)
        made = Message.objects.filter(event_id=event_id)
        assert (made.count(), made.filter(conversation=None).count()) == (size, size // 2)
        assert EventRow.objects.get(id=event_id).memberships.count() == 10
        rows = Delivery.objects.filter(event_id=event_id).select_related("message")
        assert {row.is_at_large == (row.message.conversation_id is None) for row in rows} == {True}
        assert rows.filter(is_at_large=False).count() == size // 2
        person = rows.filter(is_at_large=True)[0].user_id
        path = f"/api/v1/events/{event_id}/feed"
        request = event.stand.front.request("GET", path, token=event.tokens[str(person)])
        shown = []

        def look(_status: int, body: bytes, shown=shown) -> None:
            shown.append(len(json.loads(body)["items"]))

        result = load.run(event.stand.front, [request] * 2, connections=1, count=2, on_answer=look)
        assert (result.statuses, result.failed) == ({200: 2}, 0)
        assert shown[0] == shown[1] > 0


def test_people_in_few_and_in_many_events(event):
    few, many = feed.people_in_events(event.stand, event, few=2, many=5)
    assert few[0] == many[0]
    counts = [EventRow.objects.filter(memberships__user_id=person).count() for _, person in (few, many)]
    assert counts == [4, 7]
