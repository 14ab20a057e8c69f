"""Two people on the same connections, with faults in between: nothing of the one is left for the other."""

from __future__ import annotations

import os
import random

import pytest
from django.db import DatabaseError, connection

from api.database import acting_as, in_one_trip, shared_connection
from api.errors import NotFound
from messaging import conversations
from messaging.models import Message
from tests.messaging.conftest import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SWAPS = 10_000 if os.environ.get("CALLBOARD_TEST_LONG") else int(os.environ.get("CALLBOARD_TEST_SWAPS", "2000"))
MINE = ("SELECT count(*) AS seen, current_user AS role, callboard_uid() AS person FROM messaging_message", [])
FAULT = ("SELECT 1/(count(*) - count(*)) FROM messaging_message", [])


def test_swaps_with_faults_in_between(transactional_db, cast, figure):
    expected = {cast.mvp_dealer: 3, cast.attendee: 2, cast.organizer: 1, cast.dealer: 0}
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    conversations.send(talk.id, "Hi", by=cast.attendee)
    start(cast, cast.organizer, cast.mvp_dealer)
    people, dice, wrong = list(expected), random.Random(7), 0
    for _ in range(SWAPS):
        person, way = (
            dice.choice(people),
            dice.choice(("trip", "block", "fault", "broken block", "call", "broken call")),
        )
        if way == "trip":
            ((row,),) = in_one_trip(person, MINE)
            wrong += (row.seen, row.role, row.person) != (expected[person], "callboard_api", person.id)
        elif way == "block":
            with acting_as(person):
                wrong += Message.objects.count() != expected[person]
        elif way == "fault":
            with pytest.raises(DatabaseError):
                in_one_trip(person, MINE, FAULT)
        elif way == "call":
            conversations.mark_read(talk.id, talk.last_message_id, by=cast.attendee)
            with pytest.raises(NotFound):
                conversations.send(talk.id, "Not mine", by=cast.dealer)
        elif way == "broken call":
            with pytest.raises(DatabaseError):
                conversations.send(talk.id, "x" * 1001, by=cast.attendee)
        else:
            with pytest.raises(DatabaseError), acting_as(person):
                in_one_trip(person, FAULT)
        wrong += any(left != (connection.settings_dict["USER"], None) for left in left_over())
    figure("swaps", SWAPS)
    figure("wrong rows", int(wrong))
    assert wrong == 0


def left_over() -> list[tuple]:
    """On the thread's connection and on its process's."""
    found = []
    for one in (connection, shared_connection()):
        with one.cursor() as cursor:
            cursor.execute("SELECT current_user, callboard_uid()")
            found.append(cursor.fetchone())
    return found
