"""What the benchmark asks of the database and of the API fits both as they are now. No figure is looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from benchmarks import bounds, calls, load
from benchmarks.calls import Answers
from benchmarks.load import Target
from benchmarks.stand import Stand
from broadcasts import fanout
from broadcasts.models import Broadcast
from messaging import load as batches
from messaging.invention import Sizes
from messaging.models import Conversation, Delivery, LogEntry, Message

SIZES = Sizes(users=40, conversations=60, messages=300, broadcasts=0)
UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event(transactional_db, live_server, settings) -> calls.Event:
    settings.RATE_LIMIT = None
    made = batches.make(SIZES, seed=9, until=UNTIL)
    stand = Stand(int(live_server.url.rpartition(":")[2]), database_url())
    return calls.Event(stand, {"event_id": str(made.id), "users": batches.issue_tokens(made, 40)})


def database_url() -> str:
    parameters = {**connection.get_connection_params()}
    for name_of_django in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(name_of_django, None)
    return psycopg.conninfo.make_conninfo(**parameters)


@pytest.mark.parametrize("script", ["send_one_statement", "send_statements", "send_as_the_application"])
def test_pgbench_sends_as_the_application_would(event, script):
    with bounds.pairs(event.stand, event.id) as pairs:
        found = bounds.pgbench(event.stand, script, pairs=pairs, seconds=1)
    assert found.rate > 0
    sent = Message.objects.filter(content=bounds.TEXT)
    assert sent.exists()
    assert LogEntry.objects.filter(kind="message.created").count() == sent.count()
    answers = Answers(messages=[str(id) for id in sent.values_list("id", flat=True)])
    assert answers.missing_messages(event.stand) == 0


def test_sends_of_the_benchmark_are_taken_and_found(event):
    target, answers = event.stand.front, Answers()
    requests = calls.sends(target, event.senders(), with_key=True)
    result = load.run(target, requests, connections=2, count=30, on_answer=answers.sent)
    assert (result.statuses, result.failed) == ({201: 30}, 0)
    assert (len(answers.messages), answers.missing_messages(event.stand)) == (30, 0)


def test_starts_of_the_benchmark_are_taken_and_found(event):
    target, answers = event.stand.front, Answers()
    strangers = event.strangers(15)
    result = load.run(target, calls.starts(target, event, strangers), connections=2, on_answer=answers.started)
    assert (result.statuses, result.failed) == ({201: 15}, 0)
    assert (len(answers.conversations), answers.missing_conversations(event.stand)) == (15, 0)


def test_broadcasts_of_the_benchmark_are_taken_and_found(event):
    target, answers = event.stand.front, Answers()
    requests = calls.broadcasts(target, event)
    result = load.run(target, requests, connections=2, count=6, on_answer=answers.ordered)
    assert (result.statuses, result.failed) == ({201: 6}, 0)
    assert (len(answers.broadcasts), answers.missing_broadcasts(event.stand)) == (6, 6)
    for broadcast_id in answers.broadcasts[1:]:
        fanout.run(UUID(broadcast_id))
    assert answers.missing_broadcasts(event.stand) == 1
    Delivery.objects.filter(message__in=Broadcast.objects.values("message"))[:1].get().delete()
    assert answers.missing_broadcasts(event.stand) == 2


def test_what_is_not_there_is_missed(event):
    lonely = Conversation.objects.filter(kind="direct").order_by("id").first()
    absent = Answers(messages=[str(lonely.id)], conversations=[str(lonely.id), str(lonely.maker_id)])
    assert absent.missing_messages(event.stand) == 1
    assert absent.missing_conversations(event.stand) >= 1


def test_tokens_belong_to_those_who_may_send(event):
    assert len(event.senders()) > 50
    assert {token for token, _ in event.senders()} <= set(event.tokens.values())


def test_empty_endpoint_asks_for_a_token(event, settings):
    settings.ROOT_URLCONF = "benchmarks.urls"
    target = Target(port=event.stand.port)
    for path, asking, status in (
        (calls.EMPTY_VIEW, None, 200),
        (calls.EMPTY_ENDPOINT, event, 200),
        (calls.EMPTY_ENDPOINT, None, 401),
    ):
        result = load.run(target, calls.reads(target, path, asking), connections=1, count=3)
        assert result.statuses == {status: 3}
