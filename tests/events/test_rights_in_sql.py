"""What the API's role can do in raw SQL, with nothing between it and the tables."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from api.database import acting_as
from events import blocks
from events.models import Block, HelpRequest


@pytest.fixture
def block(cast) -> Block:
    return Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)


def run(user, statement: str, values=()) -> list | int:
    with acting_as(user), connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return cursor.fetchall() if cursor.description else cursor.rowcount


def refused(user, statement: str, values=()) -> str:
    with pytest.raises(DatabaseError) as error, transaction.atomic():
        run(user, statement, values)
    return error.value.__cause__.sqlstate


DENIED = "42501"
INSERT = "INSERT INTO events_block (id, blocker_id, blocked_id, created_at) VALUES (gen_random_uuid(), %s, %s, now())"


def test_only_its_maker_sees_a_block(cast, block):
    seen = {
        name: len(run(getattr(cast, name), "SELECT * FROM events_block"))
        for name in ("attendee", "attendee_2", "dealer", "organizer", "moderator", "stranger", "staff")
    }
    assert seen == {
        "attendee": 1, "attendee_2": 0, "dealer": 0, "organizer": 0, "moderator": 0, "stranger": 0, "staff": 0,
    }  # fmt: skip


def test_without_a_person_there_is_none_to_see(cast, block):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('role', 'callboard_api', true)")
        cursor.execute("SELECT count(*) FROM events_block")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM events_blocked_with(NULL)")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT set_config('role', 'none', true)")


def test_owner_sees_all(cast, block):
    assert Block.objects.count() == 1


def test_block_in_anothers_name_is_refused(cast):
    assert run(cast.attendee, INSERT, [cast.attendee.id, cast.dealer.id]) == 1
    assert refused(cast.attendee, INSERT, [cast.organizer.id, cast.dealer.id]) == DENIED
    assert Block.objects.count() == 1


def test_block_of_another_is_not_taken_away(cast, block):
    assert run(cast.dealer, "DELETE FROM events_block") == 0
    assert run(cast.attendee, "DELETE FROM events_block") == 1


def test_block_is_never_changed(cast, block):
    assert refused(cast.attendee, "UPDATE events_block SET created_at = now()") == DENIED


def test_both_sides_learn_of_a_block_and_nobody_else(cast, block):
    everyone = [cast.attendee.id, cast.dealer.id, cast.organizer.id]
    for people in (None, everyone):
        assert blocks.blocked_with(people, by=cast.attendee) == {cast.dealer.id}
        assert blocks.blocked_with(people, by=cast.dealer) == {cast.attendee.id}
        assert blocks.blocked_with(people, by=cast.organizer) == set()
    assert blocks.blocked_with([cast.organizer.id], by=cast.dealer) == set()
    assert blocks.blocked_with([], by=cast.dealer) == set()


@pytest.mark.django_db
def test_look_up_of_blocks_is_pinned_and_not_for_everyone():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prosecdef, proconfig, has_function_privilege('callboard_api', oid, 'EXECUTE'),"
            " EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0)"
            " FROM pg_proc WHERE proname = 'events_blocked_with'"
        )
        rows = cursor.fetchall()
    assert rows == [(True, ["search_path=pg_catalog, public, pg_temp"], True, False)]


def test_policies_are_forced_and_these(cast):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'events_block'")
        assert cursor.fetchone() == (True, True)
        cursor.execute(
            "SELECT policyname, roles = ARRAY[current_user], cmd FROM pg_policies WHERE tablename = 'events_block'"
            " ORDER BY policyname"
        )
        assert cursor.fetchall() == [("block_is_its_makers", False, "ALL"), ("block_owner", True, "ALL")]


WRITES = [
    "UPDATE events_membership SET role = 'organizer'",
    "UPDATE events_membership SET muted_until = NULL",
    "DELETE FROM events_membership",
    "INSERT INTO events_membership DEFAULT VALUES",
    "UPDATE events_event SET name = 'x'",
    "DELETE FROM events_event",
    "INSERT INTO events_event DEFAULT VALUES",
    "DELETE FROM events_helprequest",
    "UPDATE events_helprequest SET requester_id = gen_random_uuid()",
    "UPDATE events_helprequest SET title = 'x'",
    "TRUNCATE events_block",
    "SELECT phone FROM accounts_user",
]


@pytest.mark.parametrize("statement", WRITES)
def test_what_the_api_never_does_its_role_may_not(cast, statement):
    assert refused(cast.organizer, statement) == DENIED


def test_status_of_a_help_request_is_what_the_api_changes(cast):
    HelpRequest.objects.create(event=cast.event, requester=cast.attendee, title="t", details="d")
    assert run(cast.organizer, "UPDATE events_helprequest SET status = 'closed'") == 1
