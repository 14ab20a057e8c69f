"""Who the database believes is asking.

Everything that the API does for a person runs in one transaction as the role `callboard_api`, with the
person's id in `callboard.user_id`; row-level security takes it from there. Both are local to the
transaction, so that a pooled connection carries nothing over to its next user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg import Cursor
from psycopg.rows import namedtuple_row

AS_OWNER = object()
Result = TypeVar("Result")
Statement = tuple[str, Sequence[Any]]

# Each column has a name of its own: rows of a pipeline are named tuples.
_TAKE_ROLE = (
    "SELECT set_config('role', 'callboard_api', true) AS role, set_config('callboard.user_id', %s, true) AS person,"
    " set_config('statement_timeout', '15s', true) AS patience, set_config('lock_timeout', '5s', true) AS lock_patience"
)
_LEAVE_ROLE = "SELECT set_config('role', 'none', true) AS role, set_config('callboard.user_id', '', true) AS person"

# At once, rather than after five times; never where that is switched off.
_PREPARED = True if settings.DATABASES["default"]["OPTIONS"]["prepare_threshold"] is not None else None


def acting_id() -> Any:
    """The person in whose name this connection's transaction runs."""
    return getattr(connection, "callboard_acting_id", None)


@contextmanager
def acting_as(person: Any) -> Iterator[None]:
    """One transaction as callboard_api in this person's name; joins it where it is already open."""
    if acting_id() == person.id:
        yield
        return
    if acting_id() is not None:
        raise RuntimeError("a transaction in one person's name cannot change to another's")
    inside_another = connection.in_atomic_block
    with transaction.atomic():
        _run(_TAKE_ROLE, [str(person.id)])
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
    take, leave = (_TAKE_ROLE, [str(person.id)]), (_LEAVE_ROLE, [])
    if connection.in_atomic_block:
        return piped(take, *statements, leave)[1:-1]
    return piped(take, *statements)[1:]


def piped(*statements: Statement) -> list[list[Any]]:
    """Sends the statements together and waits once; the rows of each, with their columns as attributes."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        raw, cursors = connection.connection, []
        with raw.pipeline():
            for text, values in statements:
                cursor = Cursor(raw, row_factory=namedtuple_row)
                cursor.execute(text, values, prepare=_PREPARED)
                cursors.append(cursor)
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def in_one_call(person: Any, function: str, values: Sequence[Any]) -> Any:
    """The row of a function in this person's name: the hot path, where one statement costs less than a pipeline.

    Outside a transaction its twin `<function>_as` is called, which takes the role and then calls the function.
    """
    marks = ", ".join(["%s"] * len(values))
    if connection.in_atomic_block:
        return in_one_trip(person, (f"SELECT * FROM {function}({marks})", values))[0][0]  # noqa: S608
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = Cursor(connection.connection, row_factory=namedtuple_row)
        statement = f"SELECT * FROM {function}_as(%s, {marks})"  # noqa: S608
        return cursor.execute(statement, [person.id, *values], prepare=_PREPARED).fetchone()


def row_of(statement: str, values: Sequence[Any]) -> Sequence[Any] | None:
    """The first row of one statement as the owner, past Django's cursor: for what every call asks."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return Cursor(connection.connection).execute(statement, values, prepare=_PREPARED).fetchone()


def begun(*statements: Statement) -> list[list[Any]]:
    """Like `piped`, at the head of a transaction that Django has just opened: its BEGIN goes along with them."""
    raw = connection.connection
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
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return read()


def _run(statement: str, values: list | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or [])
