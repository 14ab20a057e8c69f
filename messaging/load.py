"""Benchmark data, loaded fast: an event of its own with people, conversations and messages.

What exists already is not touched. A batch is one transaction: all of it is there, or nothing. COPY may not write to a
table with row-level security, so rows of those go through temporary tables of the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import IntegrityError, connection, transaction

from accounts import tokens
from events.models import Event
from messaging.invention import EPOCH, Invention, NotPossible, Sizes

MESSAGES_AT_ONCE = 50_000
TABLES = (
    "accounts_user",
    "events_membership",
    "events_helprequest",
    "messaging_conversation",
    "messaging_participant",
    "messaging_message",
    "messaging_addressee",
    "messaging_delivery",
)


class NotLoaded(Exception):
    """What the operator reads: one line that says why nothing was made."""


def find(seed: int) -> Event | None:
    return Event.objects.filter(slug=f"load-{seed}").first()


def name_of(seed: int, sizes: Sizes) -> str:
    """A batch's sizes stand in the name of its event: later sends change the counts."""
    return f"Load {seed}: {sizes}"


@transaction.atomic
def make(sizes: Sizes, *, seed: int, until: datetime, progress: Callable[[int], None] = lambda done: None) -> Event:
    """The batch of this seed, its times counting back from `until`; `progress` hears how many messages are in."""
    try:
        drawn = Invention(sizes, seed=seed, until=until)
    except NotPossible as error:
        raise NotLoaded(str(error)) from None
    event = _write_event(drawn, seed)
    _write_people(drawn, seed)
    _execute(_STAGE)
    _copy("load_person (conversation_id, user_id)", ((t.id, person.id) for t in drawn.talks for person in t.people))
    _execute("ANALYZE load_person")
    _write_messages(drawn, progress)
    _write_talks(drawn)
    _write_broadcasts(drawn)
    # Foreign keys are checked here, where it can still be waited for, and not in the COMMIT.
    _execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    _execute(_UNSTAGE)
    return event


def settle() -> None:
    """What autovacuum would otherwise do in the middle of the first measurement. Not in a transaction."""
    for table in TABLES:
        _execute(f"VACUUM (ANALYZE) {table}")


@transaction.atomic
def issue_tokens(event: Event, number: int) -> list[dict[str, str]]:
    """Fresh tokens for the first people of a batch; every role is among the first twenty."""
    members = event.memberships.select_related("user").order_by("user__username")[:number]
    return [
        {
            "id": str(member.user_id),
            "username": member.user.username,
            "role": member.role,
            "token": tokens.issue(user=member.user, label="load")[1],
        }
        for member in members
    ]


# --- Tables without row-level security -------------------------------------------------------


def _write_event(drawn: Invention, seed: int) -> Event:
    event = Event(
        id=drawn.event_id,
        slug=f"load-{seed}",
        name=name_of(seed, drawn.sizes),
        starts_at=_moment(drawn.until_us) + timedelta(days=1),
        ends_at=_moment(drawn.until_us) + timedelta(days=3),
        created_at=_moment(drawn.begin_us) - timedelta(days=10),
    )
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        raise NotLoaded(f"there is an event {event.slug} already; another --seed makes another") from None
    return event


def _write_people(drawn: Invention, seed: int) -> None:
    """They cannot sign in with a password: `!` is none."""
    _copy(
        "accounts_user (id, password, is_superuser, username, name, is_active, is_staff, created_at)",
        (
            (
                p.id,
                "!",
                False,
                f"load-{seed}-{p.number:06}",
                f"Load {seed} {p.number}",
                True,
                False,
                _moment(p.joined_us),
            )
            for p in drawn.people
        ),
    )
    _copy(
        "events_membership (id, event_id, user_id, role, tags, joined_at, created_at)",
        (
            (drawn.id_at(p.joined_us), drawn.event_id, p.id, p.role, p.tags, _moment(p.joined_us), _moment(p.joined_us))
            for p in drawn.people
        ),
    )
    _copy(
        "events_helprequest (id, event_id, requester_id, title, details, status, created_at)",
        (
            (t.help_request_id, drawn.event_id, t.people[1].id, "A hand", drawn.text(), "open", _moment(t.begun_us))
            for t in drawn.talks
            if t.kind == "help"
        ),
    )


# --- Tables with row-level security ----------------------------------------------------------

_STAGE = """
CREATE TEMPORARY TABLE load_person (conversation_id uuid, user_id uuid);
CREATE TEMPORARY TABLE load_message (
    id uuid, conversation_id uuid, sender_id uuid, content text, moment bigint, deleted bigint
);
CREATE TEMPORARY TABLE load_talk (
    id uuid, kind text, title text, help_request_id uuid, maker_id uuid, low_id uuid, high_id uuid, moment bigint,
    last_id uuid, last_moment bigint
);
CREATE TEMPORARY TABLE load_marker (
    conversation_id uuid, user_id uuid, moment bigint, read_id uuid, read_moment bigint
);
CREATE TEMPORARY TABLE load_broadcast (
    id uuid, kind text, sender_id uuid, content text, roles text[], tags text[], moment bigint
);
CREATE FUNCTION pg_temp.time_at(bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN '1970-01-01 00:00+00'::timestamptz + $1 * interval '1 microsecond';
"""

_UNSTAGE = """
DROP TABLE load_person, load_message, load_talk, load_marker, load_broadcast;
DROP FUNCTION pg_temp.time_at(bigint);
"""

_MESSAGES = """
INSERT INTO messaging_message (
    id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at,
    deleted_at, deleted_by_kind
)
SELECT id, %s, conversation_id, 'direct', sender_id, content, '{}', '{}', pg_temp.time_at(moment),
       pg_temp.time_at(deleted), CASE WHEN deleted IS NOT NULL THEN 'sender' END
FROM load_message
"""

_DELIVERIES = """
INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at, created_at)
SELECT said.id, person.user_id, %s, said.sender_id, pg_temp.time_at(said.moment), pg_temp.time_at(said.moment)
FROM load_message said
JOIN load_person person ON person.conversation_id = said.conversation_id AND person.user_id <> said.sender_id
ORDER BY said.moment
"""

_CONVERSATIONS = """
INSERT INTO messaging_conversation (
    id, event_id, kind, title, help_request_id, maker_id, low_id, high_id, created_at, last_message_id, last_message_at
)
SELECT id, %s, kind, title, help_request_id, maker_id, low_id, high_id, pg_temp.time_at(moment), last_id,
       pg_temp.time_at(last_moment)
FROM load_talk ORDER BY moment
"""

_PARTICIPANTS = """
INSERT INTO messaging_participant (conversation_id, user_id, joined_at, read_message_id, read_upto, read_at)
SELECT conversation_id, user_id, pg_temp.time_at(moment), read_id, pg_temp.time_at(read_moment),
       pg_temp.time_at(read_moment)
FROM load_marker ORDER BY moment, conversation_id
"""

_BROADCASTS = """
INSERT INTO messaging_message (id, event_id, message_type, sender_id, content, roles, tags, created_at)
SELECT id, %s, kind, sender_id, content, roles, tags, pg_temp.time_at(moment) FROM load_broadcast
"""

_BROADCAST_DELIVERIES = """
INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at, created_at, is_at_large)
SELECT said.id, member.user_id, member.event_id, said.sender_id, pg_temp.time_at(said.moment),
       pg_temp.time_at(said.moment), true
FROM load_broadcast said
JOIN events_membership member ON member.event_id = %s AND member.user_id <> said.sender_id
 AND (said.roles = '{}' OR member.role = ANY (said.roles))
 AND (said.tags = '{}' OR member.tags::text[] && said.tags)
ORDER BY said.moment
"""


def _write_messages(drawn: Invention, progress: Callable[[int], None]) -> None:
    messages, done = drawn.messages(), 0
    while some := list(islice(messages, MESSAGES_AT_ONCE)):
        _copy("load_message (id, conversation_id, sender_id, content, moment, deleted)", some)
        _execute(_MESSAGES, drawn.event_id)
        _execute(_DELIVERIES, drawn.event_id)
        _execute("TRUNCATE load_message")
        done += len(some)
        progress(done)


def _write_talks(drawn: Invention) -> None:
    """After their messages, whose last one they name; foreign keys are checked at the end."""
    _copy(
        "load_talk (id, kind, title, help_request_id, maker_id, low_id, high_id, moment, last_id, last_moment)",
        (
            (t.id, t.kind, "A group" if t.kind == "group" else None, t.help_request_id, t.maker.id)
            + ((None, None) if t.kind == "group" else tuple(sorted(person.id for person in t.people)))
            + (t.begun_us, *t.last)
            for t in drawn.talks
        ),
    )
    _copy(
        "load_marker (conversation_id, user_id, moment, read_id, read_moment)",
        (
            (t.id, person.id, t.begun_us, *t.markers.get(person.id, (None, None)))
            for t in drawn.talks
            for person in t.people
        ),
    )
    _execute(_CONVERSATIONS, drawn.event_id)
    _execute(_PARTICIPANTS)


def _write_broadcasts(drawn: Invention) -> None:
    _copy("load_broadcast (id, kind, sender_id, content, roles, tags, moment)", drawn.broadcasts())
    _execute(_BROADCASTS, drawn.event_id)
    _execute(_BROADCAST_DELIVERIES, drawn.event_id)


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _copy(into: str, rows: Iterable[tuple]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
