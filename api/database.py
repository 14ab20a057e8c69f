"""Who the database believes is asking.

Everything that the API does for a person runs in one transaction as the role `callboard_api`, with the
person's id in `callboard.user_id`; row-level security takes it from there. Both are local to the
transaction, so that a pooled connection carries nothing over to its next user.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import ConnectionTimeout

from api import prepared, replica
from api.prepared import Statement
from api.replica import positions
from api.replica.watch import PRIMARY_POSITION

AS_OWNER = object()
Result = TypeVar("Result")

_ENTER = "SELECT callboard_enter(%s, %s, %s)"
_CHECK = "SELECT callboard_check_token(%s, %s, %s)"
# Each column has a name of its own: rows of a pipeline are named tuples.
_LEAVE_ROLE = "SELECT set_config('role', 'none', true) AS role, set_config('callboard.user_id', '', true) AS person"
# What those two raise when something has changed since.
_OUT_OF_DATE = "CB001"

_of_thread = connections._connections._storage

# At once, rather than after five times; never where that is switched off.
_PREPARED = True if settings.DATABASES["default"]["OPTIONS"]["prepare_threshold"] is not None else None


class Remembered(NamedTuple):
    """What a process remembers of a person's token; checked by the first statement of whatever is done with it.

    It hangs on the person as `remembered`, until that check has passed.
    """

    token_id: UUID
    stamp: str


def acting_id() -> Any:
    """The person in whose name this connection's transaction runs."""
    return getattr(_connection(), "callboard_acting_id", None)


def remembered(person: Any) -> Remembered | None:
    return getattr(person, "remembered", None)


def check(person: Any) -> list[Statement]:
    """Ahead of what is done for this person as the owner."""
    known = remembered(person)
    return [(_CHECK, [person.id, *known])] if known else []


def passed(person: Any) -> None:
    """What was remembered of this person has turned out to be true."""
    if remembered(person):
        person.remembered = None


def is_out_of_date(error: DatabaseError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == _OUT_OF_DATE


def make_usable(connection: BaseDatabaseWrapper | None = None) -> None:
    """Closes a kept connection that the server has left, which shows before anything is sent: nothing to repeat."""
    connection = connection or _connection()
    raw = connection.connection
    if raw is not None and not connection.in_atomic_block and (raw.closed or _is_readable(raw.fileno())):
        connection.close()


def tidy_up() -> None:
    """After a call: a connection that failed is not kept for the thread's next one."""
    for connection in connections.all(initialized_only=True) if replica.IS_ON else (_connection(),):
        if connection.errors_occurred or connection.settings_dict["CONN_MAX_AGE"] is not None:
            connection.close_if_unusable_or_obsolete()


def _is_readable(descriptor: int) -> bool:
    """Where nothing has been asked, all there is to read is that the other side has gone."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def is_in_transaction() -> bool:
    return _connection().in_atomic_block


@cache
def shared_connection() -> BaseDatabaseWrapper:
    """Of all threads of this process, one at a time; never in a transaction."""
    connection = connections.create_connection("default")
    connection.inc_thread_sharing()
    return connection


def _connection() -> BaseDatabaseWrapper:
    """Django's, and not its proxy, which finds this anew at every look. Without an event loop it is where Django keeps
    the thread's; to learn that no loop runs, Django raises an error and catches it, at every look. With one it is
    another: what is done in a person's name would else be asked in nobody's."""
    if asyncio._get_running_loop() is None and (found := getattr(_of_thread, "default", None)):
        return found
    return connections["default"]


def entering(person_id: Any) -> Statement:
    """Ahead of what is asked in a person's name on a connection that is not Django's; `leaving` comes after it."""
    return _ENTER, [person_id, None, None]


def leaving() -> Statement:
    return _LEAVE_ROLE, []


def _enter(person: Any) -> Statement:
    return _ENTER, [person.id, *(remembered(person) or (None, None))]


@contextmanager
def acting_as(person: Any) -> Iterator[None]:
    """One transaction as callboard_api in this person's name; joins it where it is already open."""
    if acting_id() == person.id:
        yield
        return
    if acting_id() is not None:
        raise RuntimeError("a transaction in one person's name cannot change to another's")
    connection = _connection()
    inside_another = connection.in_atomic_block
    make_usable(connection)
    with transaction.atomic():
        _run(*_enter(person))
        passed(person)
        connection.callboard_acting_id = person.id
        try:
            yield
            # A rollback takes the settings back by itself; so does the end of a transaction of our own.
            if inside_another:
                _run(_LEAVE_ROLE)
        finally:
            connection.callboard_acting_id = None


@contextmanager
def as_owner() -> Iterator[None]:
    """Steps out of the role inside the open transaction, for what no person may do in their own name.

    Whoever acts in a person's name inside is refused: as the owner they would see everything.
    """
    person_id = acting_id()
    if person_id is None or person_id is AS_OWNER:
        yield
        return
    _run("SELECT set_config('role', 'none', true)")
    connection = _connection()
    connection.callboard_acting_id = AS_OWNER
    try:
        # A savepoint: when an error comes through it takes the role back with everything else.
        with transaction.atomic():
            yield
    finally:
        connection.callboard_acting_id = person_id
        if not connection.needs_rollback:
            _run("SELECT set_config('role', 'callboard_api', true)")


def in_one_trip(person: Any, *statements: Statement) -> list[list[Any]]:
    """The statements in this person's name, in one transaction and one round trip; the rows of each.

    Inside a transaction in the same name they join it. Otherwise taking the role goes ahead of them in the same
    pipeline: what is sent up to one synchronisation is one transaction, without a BEGIN and COMMIT of its own.
    """
    if acting_id() == person.id:
        return piped(*statements)
    if acting_id() is not None:
        raise RuntimeError("a transaction in one person's name cannot change to another's")
    leave = [(_LEAVE_ROLE, [])] if _connection().in_atomic_block else []
    ask = replica.ask if replica.IS_ON and replica.is_reading() else piped
    found = ask(_enter(person), *statements, *leave)
    passed(person)
    return found[1 : len(statements) + 1]


def piped(*statements: Statement) -> list[list[Any]]:
    """Sends the statements together and waits once; the rows of each, with their columns as attributes."""
    connection = _connection()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return prepared.rows_of_each(connection.connection, statements, prepare=_PREPARED)


def in_one_call(person: Any, function: str, values: Sequence[Any]) -> Any:
    """The row of a function in this person's name: the hot path, where one statement costs less than a pipeline.

    Outside a transaction its twin `<function>_as` is called, which takes the role and then calls the function.
    """
    marks = ", ".join(["%s"] * len(values))
    if _connection().in_atomic_block:
        return in_one_trip(person, (f"SELECT * FROM {function}({marks})", values))[0][0]  # noqa: S608
    make_usable()
    _, entering = _enter(person)
    call = f"SELECT * FROM {function}_as(%s, %s, %s, {marks})", [*entering, *values]  # noqa: S608
    row = replica.ask(call)[0][0] if replica.IS_ON and replica.is_reading() else row_of(*call)
    passed(person)
    return row


def row_of(statement: str, values: Sequence[Any]) -> Any:
    """The first row of one statement as the owner, past Django's cursor and psycopg's: for what every call asks."""
    connection = _connection()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return prepared.row_of(connection.connection, (statement, values), prepare=_PREPARED)


def shared_rows(statement: str, values: Sequence[Any]) -> list[Any] | None:
    """The rows of one statement as the owner, on the shared connection: the caller lets one thread in at a time.

    None where nothing was done: the connection could not be had, or the database tells so. Where nobody can say, the
    error is raised.
    """
    connection = shared_connection()
    if not _could_open(connection):
        return None
    try:
        with connection.wrap_database_errors:
            return prepared.rows_of(connection.connection, (statement, values), prepare=_PREPARED)
    except (DatabaseError, InterfaceError) as error:
        if _was_told_by_server(error) and connection.is_usable():
            return None
        connection.close()
        raise


def _could_open(connection: BaseDatabaseWrapper) -> bool:
    try:
        make_usable(connection)
        connection.ensure_connection()
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        # Who does not answer one in time would let all who came along wait as long again.
        if isinstance(error.__cause__, ConnectionTimeout):
            raise
        return False
    return True


def _was_told_by_server(error: Exception) -> bool:
    """And not by the driver, which may stumble over the answer to what has been done."""
    return getattr(error.__cause__, "sqlstate", None) is not None


def note_position(person: Any = None) -> None:
    """What has been answered from here, a copy that answers this person next has to have; without a person, anybody.

    Where nobody can say any more how far that is, the copy is left alone for a while: the work itself was done.
    """
    try:
        position = row_of(PRIMARY_POSITION, []).position
    except (DatabaseError, InterfaceError):
        position = None
    if person is None:
        positions.note_for_everybody(position)
    else:
        positions.note(person.id, position)


def begun(*statements: Statement) -> list[list[Any]]:
    """Like `piped`, at the head of a transaction that Django has just opened: its BEGIN goes along with them."""
    raw = _connection().connection
    # psycopg would send a BEGIN of its own ahead, and wait for it; in autocommit it leaves that to us.
    raw._autocommit = True
    try:
        return piped(("BEGIN", []), *statements)[1:]
    finally:
        raw._autocommit = False


def retried_if_lost(read: Callable[[], Result]) -> Result:
    """Runs a read once more on a new connection when the kept one turns out to be dead."""
    try:
        return read()
    except (OperationalError, InterfaceError):
        connection = _connection()
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return read()


def _run(statement: str, values: list | None = None) -> None:
    with _connection().cursor() as cursor:
        cursor.execute(statement, values or [])
