"""What is written at once is what `messaging_send` writes of each by itself, in whatever state people are."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import orjson
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import Token
from messaging import conversations, sends
from tests.messaging.conftest import start

pytestmark = pytest.mark.django_db

CASES = 1000 if os.environ.get("CALLBOARD_TEST_LONG") else 40

MOMENTS = ["NULL"] * 14 + ["now()", "now() - interval '1 s'", "clock_timestamp() + interval '1 h'", "'infinity'"]
ROLES = ["attendee"] * 4 + ["dealer", "mvp_dealer", "organizer", "moderator"]
CONTENTS = ["Hi"] * 20 + ["\u2028'\"\\{}%s $1"]
NOT_TO_BE_WRITTEN = ["", "x" * 1001, None]
ANSWER = (
    "is_found, event_id, role, removed_at::text, muted_until::text, suspended_until::text, partner_is_member,"
    " is_blocked, asked_at IS NULL, sent_at IS NULL, gate"
)
SAID_AT = "(SELECT created_at FROM messaging_message said WHERE said.id = {})"
# All that a send may change, but for the moments, which are different ones.
ROWS = (
    "SELECT id, event_id, conversation_id, message_type, sender_id, content, roles, tags, held_at IS NULL, is_bridged"
    " FROM messaging_message ORDER BY id",
    f"SELECT user_id, event_id, sender_id, message_id, is_at_large, message_created_at = {SAID_AT.format('message_id')}"
    " FROM messaging_delivery ORDER BY message_id, user_id",
    # Of each conversation, in the order of the log.
    "SELECT kind, event_id, conversation_id, user_id, message_id, data FROM messaging_logentry"
    " ORDER BY coalesce(conversation_id, (data ->> 'conversation_id')::uuid), id",
    f"SELECT id, maker_id, last_message_id, last_message_at = {SAID_AT.format('last_message_id')}"
    " FROM messaging_conversation ORDER BY id",
    "SELECT conversation_id, user_id FROM messaging_participant ORDER BY 1, 2",
    "SELECT conversation_id, user_id FROM messaging_expected ORDER BY 1, 2",
)


class World(NamedTuple):
    people: list
    talks: list[UUID]
    tokens: dict[UUID, UUID]


@pytest.fixture
def world(cast, help_request) -> World:
    """Everybody in some conversations of each kind."""
    people = [cast.attendee, cast.attendee_2, cast.organizer, cast.moderator, cast.mvp_dealer, cast.dealer]
    to_dealer = [start(cast, person, cast.mvp_dealer).id for person in people[:4]]
    to_others = [start(cast, cast.organizer, person).id for person in (people[0], people[1], people[3], people[5])]
    help_id = conversations.offer_help(help_request.id, "Here", by=cast.organizer).conversation.id
    crew = [cast.attendee.id, cast.dealer.id]
    group_id = conversations.start_group(cast.event.id, crew, "Hi", by=cast.organizer).conversation.id
    later = timezone.now() + timedelta(days=1)
    tokens = {
        user.id: Token.objects.create(user=user, digest=uuid4().bytes * 2, label="Phone", expires_at=later).id
        for user in people
    }
    return World(people, [*to_dealer, *to_others, help_id, group_id], tokens)


def rows(statement: str, *values: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


class Undone(Exception):
    pass


def undone(work: Callable[[], Any]) -> Any:
    """What it gives, of which nothing is left."""
    try:
        with transaction.atomic():
            found = work()
            raise Undone
    except Undone:
        return found


def test_each_is_answered_and_written_as_if_it_had_been_sent_alone(world):
    written = 0
    for seed in range(CASES):
        expected, found, stored = undone(lambda seed=seed: compared(random.Random(seed), world))
        assert found == expected, f"seed {seed}"
        written += stored
    assert written > CASES


def compared(draw: random.Random, world: World) -> tuple:
    disturb(draw, world)
    calls = some_calls(draw, world)
    expected = undone(lambda: [one_by_one(calls), *map(rows, ROWS)])
    found = undone(lambda: [together(calls), *map(rows, ROWS)])
    return expected, found, sum(not is_unsent for *_, is_unsent, _ in expected[0].values())


def one_by_one(calls: list[dict]) -> dict[int, tuple]:
    found = {}
    for place, call in sorted(enumerate(calls, 1), key=lambda told: (told[1]["conversation"], told[0])):
        *sent, stamp, outcome = call.values()
        values = [*sent, sends.READ_ONLY_ARRAY, stamp, outcome]
        try:
            with transaction.atomic():
                marks = ", ".join(["%s"] * len(values))
                [found[place]] = rows(f"SELECT {ANSWER} FROM messaging_send_as({marks})", *values)
                rows("SELECT set_config('role', 'none', true)")
        except DatabaseError:
            continue
    return found


def together(calls: list[dict]) -> dict[int, tuple]:
    told = orjson.dumps(calls).decode()
    found = rows(f"SELECT place, {ANSWER} FROM messaging_send_together(%s, %s)", told, sends.READ_ONLY_ARRAY)
    return {place: tuple(answer) for place, *answer in found}


# --- Whatever may stand against it -----------------------------------------------------------


def disturb(draw: random.Random, world: World) -> None:
    for user in world.people:
        disturb_member(draw, user)
        disturb_token(draw, user)
    for _ in range(draw.choice([0, 0, 1, 2])):
        blocker, blocked = draw.sample(world.people, 2)
        rows(
            "INSERT INTO events_block (id, created_at, blocker_id, blocked_id) VALUES (%s, now(), %s, %s)"
            " ON CONFLICT DO NOTHING",
            *(uuid4(), blocker.id, blocked.id),
        )
    for talk in world.talks:
        if draw.random() < 0.1:
            take_back_beginning(talk)
        elif draw.random() < 0.1:
            rows("UPDATE messaging_conversation SET last_message_at = now() + interval '1 h' WHERE id = %s", talk)
    if draw.random() < 0.05:
        rows("INSERT INTO api_maintenance (id, since) VALUES (1, now())")
    rows("DELETE FROM messaging_gatestamp")
    if draw.random() < 0.6:
        rows("INSERT INTO messaging_gatestamp (id, stamp) VALUES (1, %s)", uuid4())


def disturb_member(draw: random.Random, user) -> None:
    if draw.random() < 0.05:
        rows("DELETE FROM events_membership WHERE user_id = %s", user.id)
    removed_at = draw.choice(["NULL"] * 16 + ["now()"])
    rows(
        f"UPDATE events_membership SET role = %s, removed_at = {removed_at}, muted_until = {draw.choice(MOMENTS)},"
        f" suspended_until = {draw.choice(MOMENTS)} WHERE user_id = %s",
        *(draw.choice(ROLES), user.id),
    )


def disturb_token(draw: random.Random, user) -> None:
    what = draw.random()
    if what < 0.05:
        rows("UPDATE accounts_token SET revoked_at = now() WHERE user_id = %s", user.id)
    elif what < 0.1:
        times = "created_at = now() - interval '2 d', expires_at = now()"
        rows(f"UPDATE accounts_token SET {times} WHERE user_id = %s", user.id)
    elif what < 0.15:
        rows("UPDATE accounts_user SET is_active = false WHERE id = %s", user.id)


def take_back_beginning(talk: UUID) -> None:
    """As if its first message were held: nobody but who made it takes part yet."""
    of_others = "c.id = %s AND c.kind = 'direct' AND p.conversation_id = c.id AND p.user_id <> c.maker_id"
    rows(
        "INSERT INTO messaging_expected (conversation_id, user_id) SELECT c.id, p.user_id"
        f" FROM messaging_conversation c, messaging_participant p WHERE {of_others}",
        talk,
    )
    rows(f"DELETE FROM messaging_participant p USING messaging_conversation c WHERE {of_others}", talk)
    rows("UPDATE messaging_conversation SET last_message_id = NULL WHERE id = %s AND kind = 'direct'", talk)


def some_calls(draw: random.Random, world: World) -> list[dict]:
    stamps = dict(rows("SELECT id, xmin::text FROM accounts_user"))
    [(gate,)] = rows("SELECT (SELECT stamp FROM messaging_gatestamp)")
    sides: dict[UUID, list[UUID]] = {}
    for talk, user in rows("SELECT conversation_id, user_id FROM messaging_participant ORDER BY id"):
        sides.setdefault(talk, []).append(user)
    contents = CONTENTS + (NOT_TO_BE_WRITTEN if draw.random() < 0.15 else [])

    def mostly(ordinary: Any, *others: Any) -> Any:
        return ordinary if draw.random() < 0.95 else draw.choice(others)

    def one() -> dict:
        talk = mostly(draw.choice(world.talks), uuid4())
        person = mostly(draw.choice(sides.get(talk, [world.people[0].id])), *(user.id for user in world.people))
        token = draw.choice([None, *[mostly(world.tokens[person], *world.tokens.values())] * 4])
        return {
            "person": person,
            "token": token,
            "token_stamp": token and mostly(stamps[person], "1", None),
            "conversation": talk,
            "message": uuid7(),
            "content": draw.choice(contents),
            "gate_stamp": mostly(gate, None, uuid4()),
            "outcome": draw.choice(["pass"] * 18 + ["hold", "refuse"]),
        }

    return [one() for _ in range(draw.choice([2, 6, 12, 24, 40]))]
