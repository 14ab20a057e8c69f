"""Statements, once psycopg has prepared them, past psycopg's cursors: those spend several times what libpq takes.

The connection, the types, the errors and the book of what is prepared are psycopg's; where it would do anything else
than run what is prepared, it is left to do so.
"""

from __future__ import annotations

import select
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from psycopg import Connection, Cursor, OperationalError, errors
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import namedtuple_row
from psycopg.types.datetime import TimestamptzLoader

Statement = tuple[str, Sequence[Any]]

MOST_NAMES = 8


class Way(NamedTuple):
    """How a statement's values and rows are put into words on one connection; finding that out takes longer than it."""

    statement: bytes
    transformer: Transformer
    # By the name it is prepared under, for as long as which its columns stay: what makes a row of them.
    makers: dict[bytes, Callable[[Sequence], Any]]


class Ready(NamedTuple):
    """A statement that this connection has prepared, and its values as libpq takes them."""

    name: bytes
    parameters: Sequence
    formats: Sequence[Format]
    way: Way


def row_of(raw: Connection, statement: Statement, *, prepare: bool | None) -> Any:
    """Its first row; None where there is none."""
    rows = rows_of(raw, statement, prepare=prepare)
    return rows[0] if rows else None


def rows_of(raw: Connection, statement: Statement, *, prepare: bool | None) -> list[Any]:
    """Its rows, by column names. `%s` stands for a value and for nothing else."""
    if ready := _ready(raw, statement):
        result = raw.pgconn.exec_prepared(ready.name, ready.parameters, ready.formats, Format.TEXT)
        try:
            return _rows(raw, ready, result)
        except errors.FeatureNotSupported:
            # Nothing of it was done. Other reasons than the columns it will name again.
            if not _has_forgotten(raw):
                raise
    return Cursor(raw, row_factory=namedtuple_row).execute(*statement, prepare=prepare).fetchall()


def rows_of_each(raw: Connection, statements: Sequence[Statement], *, prepare: bool | None) -> list[list[Any]]:
    """Sends them together and waits once; the rows of each, by column names."""
    ready = [_ready(raw, statement) for statement in statements]
    if None in ready:
        return _by_cursors(raw, statements, prepare)
    with _pipeline(raw.pgconn):
        for one in ready:
            raw.pgconn.send_query_prepared(one.name, one.parameters, one.formats, Format.TEXT)
        raw.pgconn.pipeline_sync()
        # All of them first: one that failed leaves the others behind it, and the pipeline must be empty to be left.
        results = list(_results(raw, len(ready)))
    if len(results) < len(ready):
        raise OperationalError("the connection to the database is lost")
    try:
        return [_rows(raw, one, result) for one, result in zip(ready, results, strict=True)]
    except errors.FeatureNotSupported:
        _has_forgotten(raw)
        raise


def _ready(raw: Connection, statement: Statement) -> Ready | None:
    book = raw._prepared
    # After a rollback a DEALLOCATE is due; in a transaction that Django has opened, a BEGIN may be.
    if book._to_flush or not (raw.autocommit or raw.pgconn.transaction_status == TransactionStatus.INTRANS):
        return None
    text, values = statement
    way = _way(raw, text)
    parameters = way.transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    name = book._names.get((way.statement, way.transformer.types))
    return name and Ready(name, parameters, way.transformer.formats, way)


def _way(raw: Connection, text: str) -> Way:
    known = raw.__dict__.get("callboard_ways") or raw.__dict__.setdefault("callboard_ways", Ways(raw))
    if (way := known.by_text.get(text)) is None:
        way = known.by_text[text] = Way(_numbered(text), Transformer(known), {})
    return way


class Ways:
    """What a connection has met, and what psycopg is to take for that connection's types."""

    def __init__(self, raw: Connection):
        self.connection = raw
        self.adapters = AdaptersMap(raw.adapters)
        self.adapters.register_loader("timestamptz", Moment)
        self.by_text: dict[str, Way] = {}


def _by_cursors(raw: Connection, statements: Sequence[Statement], prepare: bool | None) -> list[list[Any]]:
    cursors = []
    with raw.pipeline():
        for text, values in statements:
            cursor = Cursor(raw, row_factory=namedtuple_row)
            cursor.execute(text, values, prepare=prepare)
            cursors.append(cursor)
    return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


@contextmanager
def _pipeline(pgconn: PGconn) -> Iterator[None]:
    pgconn.enter_pipeline_mode()
    try:
        yield
    finally:
        # On a lost connection there is nothing to leave.
        if pgconn.status == ConnStatus.OK:
            pgconn.exit_pipeline_mode()


def _results(raw: Connection, number: int) -> Iterator[PGresult]:
    wait = select.poll()
    wait.register(raw.pgconn.socket, select.POLLIN)
    _flush(raw.pgconn)
    while number >= 0:
        result = _next(raw.pgconn, wait)
        # Nothing stands between the results of two statements; the last thing is the synchronisation.
        if result is None:
            number -= 1
        elif result.status != ExecStatus.PIPELINE_SYNC:
            yield result
        else:
            return


def _flush(pgconn: PGconn) -> None:
    """What the socket does not take at once, while what comes back is read: both sides could wait for each other."""
    while pgconn.flush():
        both = select.poll()
        both.register(pgconn.socket, select.POLLIN | select.POLLOUT)
        if any(event & select.POLLIN for _, event in both.poll()):
            pgconn.consume_input()


def _next(pgconn: PGconn, wait: select.poll) -> PGresult | None:
    # libpq would wait by itself, and keep the interpreter waiting with it.
    while pgconn.is_busy():
        wait.poll()
        pgconn.consume_input()
    return pgconn.get_result()


def _has_forgotten(raw: Connection) -> bool:
    """All that is prepared: the server refuses for ever what has other columns since, as after an upgrade beside it.

    In a transaction nothing more can be said; psycopg forgets all of it with the rollback.
    """
    if is_outside := raw.pgconn.transaction_status == TransactionStatus.IDLE:
        raw._prepared.clear()
        raw.wait(raw._prepared.maintain_gen(raw))
    return is_outside


def _rows(raw: Connection, ready: Ready, result: PGresult) -> list[Any]:
    if result.status == ExecStatus.COMMAND_OK:
        return []
    if result.status != ExecStatus.TUPLES_OK:
        if raw.pgconn.status == ConnStatus.BAD:
            raise OperationalError("the connection to the database is lost")
        raise errors.error_from_result(result, encoding=raw.info.encoding)
    way = ready.way
    if (maker := way.makers.get(ready.name)) is None:
        # What psycopg has pushed out of its book comes back by another name.
        if len(way.makers) == MOST_NAMES:
            way.makers.clear()
        columns = tuple([result.fname(number) for number in range(result.nfields)])
        maker = way.makers[ready.name] = _row_maker(columns)
    way.transformer.set_pgresult(result)
    try:
        return way.transformer.load_rows(0, result.ntuples, maker)
    finally:
        way.transformer.set_pgresult(None)


@cache
def _row_maker(columns: tuple[bytes, ...]) -> Callable[[Sequence], Any]:
    return namedtuple("Row", [name.decode() for name in columns], rename=True)._make


class Moment(TimestamptzLoader):
    """A timestamptz, by the interpreter's own reader where it can: psycopg's takes fifteen times as long."""

    def load(self, data: Buffer) -> datetime:
        try:
            moment = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            return super().load(data)
        return moment if moment.tzinfo is UTC else super().load(data)


@cache
def _numbered(statement: str) -> bytes:
    """With PostgreSQL's own placeholders, as psycopg writes it in its book."""
    first, *others = statement.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))).encode()
