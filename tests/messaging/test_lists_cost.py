"""What the lists cost the database: one round trip whatever they hold, and no more rows than they show."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from api.database import acting_as
from messaging import conversations, reads
from messaging.models import Conversation, Message
from messaging.sql import statement
from tests.conftest import join, make_user
from tests.messaging.conftest import start
from tests.proxy import proxied


def trips_of(call) -> int:
    """Of a call whose statements are prepared."""
    with proxied() as proxy:
        call()
        proxy.trips = 0
        call()
        return proxy.trips


@pytest.fixture
def busy(cast):
    """Fills up: `busy(n)` gives the organizer n more conversations, and each of them n more people and messages."""

    def fill(number: int):
        people = [make_user(f"guest_{number}_{one}") for one in range(max(number, 2))]
        for person in people:
            join(cast.event, person)
        for _ in range(number):
            ids = [person.id for person in people]
            talk = conversations.start_group(cast.event.id, ids, "Hello", by=cast.organizer).conversation
            for person in people:
                conversations.send(talk.id, "Hi", by=person)
        return talk

    return fill


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/conversations", "/conversations?event={event}", "{talk}", "{talk}/messages"])
def test_one_round_trip_however_much_there_is(transactional_db, cast, api, busy, address):
    caller, trips, answers = api(cast.organizer), [], []
    for number in (1, 8):
        talk = busy(number)
        path = address.format(event=cast.event.id, talk=f"/conversations/{talk.id}")
        trips.append(trips_of(lambda path=path: answers.append(caller.get(path))))
    assert {answer.status_code for answer in answers} == {200}
    assert trips == [1, 1]
    if "talk" not in address:
        assert len(answers[-1].json()["items"]) == 9


@pytest.mark.django_db(transaction=True)
def test_a_count_of_all_that_is_unread_is_one_round_trip(transactional_db, cast, busy):
    busy(4)
    assert reads.count_unread(cast.event.id, by=cast.organizer) == 16
    assert trips_of(lambda: reads.count_unread(cast.event.id, by=cast.organizer)) == 1


# --- Plans -----------------------------------------------------------------------------------

STATEMENTS = {
    "my conversations": lambda talk: (statement("conversations", page="my_conversations"), [*reads.TOP, 51]),
    "my conversations of an event": lambda talk: (
        statement("conversations", page="my_conversations_of_event"),
        [talk.event_id, *reads.TOP, 51],
    ),
    "one conversation": lambda talk: reads.conversation(talk.id),
    "messages": lambda talk: (statement("messages_of_conversation"), [talk.id, *reads.TOP, 51]),
    "unread": lambda talk: (statement("unread"), [talk.event_id]),
}


def explained(by, asked) -> dict:
    text, values = asked
    with acting_as(by), connection.cursor() as cursor:
        # On a table of ten rows reading all is right; what is asked here is whether there is another way.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", values)
        (found,) = cursor.fetchone()
    found = json.loads(found) if isinstance(found, str) else found
    return found[0]["Plan"]


@pytest.mark.parametrize("name", STATEMENTS)
def test_none_reads_a_table_from_end_to_end(cast, group, name):
    plan = explained(cast.attendee, STATEMENTS[name](group))
    assert "Seq Scan" not in json.dumps(plan)


def say_many(talk_ids: list, sender, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_message"
            " (id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at)"
            " SELECT gen_random_uuid(), talk.event_id, talk.id, 'direct', %s, 'x', '{}', '{}',"
            " clock_timestamp() + number * interval '1 microsecond'"
            " FROM messaging_conversation talk, generate_series(1, %s) AS number WHERE talk.id = ANY (%s)",
            [sender.id, number, talk_ids],
        )
        cursor.execute("UPDATE messaging_conversation SET last_message_at = clock_timestamp()")
        cursor.execute("ANALYZE messaging_message, messaging_conversation, messaging_participant")


@pytest.fixture
def long_talk(cast):
    """A conversation among many, and how to make it longer by messages that the attendee has not read."""
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    others = Conversation.objects.bulk_create(
        Conversation(event=cast.event, kind="group", maker=cast.organizer) for _ in range(500)
    )
    say_many([other.id for other in others], cast.organizer, 20)

    def grow(number: int):
        say_many([talk.id], cast.mvp_dealer, number)
        return talk

    return grow


# The planner draws a sample of each table and may join in another order; thousands would be something else.
A_FEW = 60


def rows_looked_at(plan: dict) -> int:
    """By every step of it, those that it threw away too."""
    passed_over = sum(rows for key, rows in plan.items() if key.startswith("Rows Removed"))
    below = sum(map(rows_looked_at, plan.get("Plans", ())))
    return round((plan["Actual Rows"] + passed_over) * plan["Actual Loops"]) + below


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_longer_conversation_costs_nothing_more(cast, long_talk, name):
    talk = long_talk(1200)
    before = rows_looked_at(explained(cast.attendee, STATEMENTS[name](talk)))
    long_talk(10_000)
    assert rows_looked_at(explained(cast.attendee, STATEMENTS[name](talk))) <= before + A_FEW


def test_what_was_read_is_not_looked_at_again(cast, long_talk):
    talk = long_talk(2)
    latest = Message.objects.order_by("-created_at", "-id")
    conversations.mark_read(talk.id, latest[0].id, by=cast.attendee)
    before = rows_looked_at(explained(cast.attendee, reads.conversation(talk.id)))
    long_talk(5000)
    conversations.mark_read(talk.id, latest[0].id, by=cast.attendee)
    assert rows_looked_at(explained(cast.attendee, reads.conversation(talk.id))) <= before + A_FEW
