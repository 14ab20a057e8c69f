"""Whom the database believes to be asking."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import ProgrammingError, connection, connections, transaction

from api import database
from api.database import acting_as, acting_id, as_owner


def asked(statement: str, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


def standing():
    return asked("SELECT current_user = 'callboard_api', callboard_uid()")


def test_transaction_runs_as_the_role_in_the_persons_name_and_leaves_nothing(cast):
    with acting_as(cast.attendee):
        assert standing() == (True, cast.attendee.id)
    assert standing() == (False, None)


def test_error_leaves_nothing(cast):
    with pytest.raises(ZeroDivisionError), acting_as(cast.attendee):
        raise ZeroDivisionError
    assert standing() == (False, None)
    assert acting_id() is None


def test_transaction_in_the_same_name_is_joined(cast):
    with acting_as(cast.attendee):
        with acting_as(cast.attendee):
            assert standing() == (True, cast.attendee.id)
        assert standing() == (True, cast.attendee.id)


def test_transaction_in_another_name_is_refused(cast):
    with acting_as(cast.attendee), pytest.raises(RuntimeError), acting_as(cast.dealer):
        pass


def test_owner_steps_in_and_out(cast):
    with acting_as(cast.attendee):
        with as_owner():
            assert standing()[0] is False
            with as_owner():
                assert standing()[0] is False
            assert standing()[0] is False
        assert standing() == (True, cast.attendee.id)


def test_owner_steps_out_on_an_error_that_is_caught_outside(cast):
    with acting_as(cast.attendee):
        with pytest.raises(ZeroDivisionError), as_owner():
            raise ZeroDivisionError
        assert standing() == (True, cast.attendee.id)
        with pytest.raises(ProgrammingError), as_owner():
            asked("SELECT nonsense")
        assert standing() == (True, cast.attendee.id)


def test_owner_acts_in_nobodys_name(cast):
    with acting_as(cast.attendee), as_owner(), pytest.raises(RuntimeError), acting_as(cast.attendee):
        pass


def test_empty_setting_is_nobody(db):
    asked("SELECT set_config('callboard.user_id', '', true)")
    assert asked("SELECT callboard_uid()") == (None,)


@pytest.mark.parametrize("column", ["phone", "password", "is_superuser"])
def test_role_reads_of_people_only_what_everyone_may_see(cast, column):
    with acting_as(cast.attendee):
        assert asked("SELECT count(*) FROM (SELECT id, username, name, avatar_url FROM accounts_user) shown")[0] > 5
    with pytest.raises(ProgrammingError), acting_as(cast.attendee):
        asked(f"SELECT {column} FROM accounts_user")


@pytest.mark.django_db(transaction=True)
def test_two_people_on_one_connection_never_meet(cast, figure):
    """Thousands of changes of person on one kept connection, every third ending in an error."""
    wrong = 0
    people = (cast.attendee, cast.dealer)
    for turn in range(int(os.environ.get("CALLBOARD_TEST_SWAPS", "3000"))):
        person = people[turn % 2]
        try:
            with acting_as(person):
                wrong += standing() != (True, person.id)
                if turn % 3 == 0:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        wrong += standing() != (False, None) if turn % 100 == 0 else 0
    figure("swaps", turn + 1)
    figure("wrong rows", int(wrong))
    assert wrong == 0


@pytest.mark.django_db(transaction=True)
def test_connection_that_died_while_idle_is_replaced_for_the_next_call(api, cast):
    caller = api(cast.attendee)
    assert caller.get("/me").status_code == 200
    pid = connection.connection.info.backend_pid

    def cut():
        # Waits until it is gone.
        assert asked("SELECT pg_terminate_backend(%s, 60000)", pid) == (True,)
        connections.close_all()

    thread = threading.Thread(target=cut)
    thread.start()
    thread.join()
    assert caller.get("/me").status_code == 200


def test_roles_settings_do_not_outlive_a_rolled_back_savepoint(cast):
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), acting_as(cast.attendee):
            raise ZeroDivisionError
        assert standing() == (False, None)


def test_connection_is_djangos_in_every_thread_and_where_an_event_loop_runs():
    """A browser's tests, for one, run beside a loop in their own thread."""

    def look():
        for _ in range(2):
            assert database._connection() is connections["default"]
        return connections["default"]

    async def look_in_a_loop():
        return look()

    def look_in_both():
        return look(), asyncio.run(look_in_a_loop()), look()

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as another:
        first, in_a_loop, again = one.submit(look_in_both).result()
        found = another.submit(asyncio.run, look_in_a_loop()).result()
        assert first is again
        assert len({id(each) for each in (first, in_a_loop, found, another.submit(look).result())}) == 4


def test_connection_that_another_put_in_its_place_is_found():
    mine, other = connections["default"], connections.create_connection("default")
    connections["default"] = other
    try:
        assert database._connection() is other
    finally:
        connections["default"] = mine
