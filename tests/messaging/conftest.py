"""Conversations between the cast, and a look at every table."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connection

from messaging import conversations
from messaging.models import Conversation


@pytest.fixture
def direct(cast) -> Conversation:
    """The MVP dealer's with the attendee."""
    return start(cast, cast.mvp_dealer, cast.attendee)


@pytest.fixture
def talks(transactional_db, cast) -> list[Conversation]:
    """Of everyone who may write, with the MVP dealer; by their ids."""
    others = [cast.attendee, cast.attendee_2, cast.organizer, cast.moderator]
    found = [start(cast, other, cast.mvp_dealer) for other in others]
    return sorted(found, key=lambda talk: talk.id)


@pytest.fixture
def pool():
    """Calls at once, each in a thread of it."""

    def closing(call):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(24) as threads:
        yield lambda call: threads.submit(closing, call)


@pytest.fixture
def group(cast) -> Conversation:
    """The organizer's, with the attendee and the dealer."""
    people = [cast.attendee.id, cast.dealer.id]
    found = conversations.start_group(cast.event.id, people, "Welcome", title="Crew", by=cast.organizer)
    return Conversation.objects.get(id=found.conversation.id)


@pytest.fixture
def help_request(cast):
    """The dealer's; who may only read, but may ask."""
    from events.models import HelpRequest

    return HelpRequest.objects.create(event=cast.event, requester=cast.dealer, title="Tape", details="Any tape?")


def start(cast, by, other, content="Hello") -> Conversation:
    found = conversations.start(cast.event.id, other.id, content, by=by)
    return Conversation.objects.get(id=found.conversation.id)


def post(caller, talk, content: str):
    return lambda: caller.post(f"/conversations/{talk.id}/messages", {"content": content})


def membership(cast, user):
    from events.models import Membership

    return Membership.objects.get(event=cast.event, user=user)


def change(cast, user, **values) -> None:
    from events.models import Membership

    Membership.objects.filter(event=cast.event, user=user).update(**values)


@pytest.fixture
def everything():
    """A fingerprint of every row of every table of ours."""

    def look() -> dict[str, str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename ~ '^(accounts|api|events|messaging|broadcasts|moderation)_'"
            )
            tables = [name for (name,) in cursor.fetchall()]
            found = {}
            for table in tables:
                cursor.execute(f"SELECT row::text FROM {table} row ORDER BY 1")
                found[table] = hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()
        return found

    return look


@pytest.fixture
def denied(everything, refused):
    """A call that is refused with exactly this, and changes nothing anywhere."""

    def check(call, status: int, code: str, **extras) -> dict:
        before = everything()
        body = refused(call(), status, code, **extras)
        assert everything() == before
        return body

    return check


class AsApi:
    """Raw SQL in the role of the API, in somebody's name; as nobody with None."""

    def __init__(self, user_id: UUID | None):
        self.user_id = user_id

    def __enter__(self):
        self.cursor = connection.cursor()
        self.cursor.execute("SAVEPOINT as_api")
        self.cursor.execute("SET LOCAL ROLE callboard_api")
        self.cursor.execute("SELECT set_config('callboard.user_id', %s, true)", [str(self.user_id or "")])
        return self

    def __exit__(self, *_):
        self.cursor.execute("ROLLBACK TO SAVEPOINT as_api")
        self.cursor.close()

    def rows(self, statement: str, values=()) -> list[tuple]:
        self.cursor.execute(statement, list(values))
        return self.cursor.fetchall()


@pytest.fixture
def as_api():
    return lambda user=None: AsApi(user and user.id)
