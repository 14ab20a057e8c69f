"""One statement, once psycopg has prepared it, past psycopg's cursor: that spends several times what libpq takes.

The connection, the types, the errors and the book of what is prepared are psycopg's; where it would do anything else
than run what is prepared, it is left to do so.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from psycopg import Connection, Cursor, OperationalError, errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.rows import namedtuple_row


def row_of(raw: Connection, statement: str, values: Sequence[Any], *, prepare: bool | None) -> Any:
    """Its first row, by column names; None where there is none. `%s` stands for a value and for nothing else."""
    transformer = Transformer(raw)
    parameters = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    name = _name_of(raw, statement, transformer.types)
    if name is None:
        return Cursor(raw, row_factory=namedtuple_row).execute(statement, values, prepare=prepare).fetchone()
    result = raw.pgconn.exec_prepared(name, parameters, transformer.formats, Format.BINARY)
    if result.status != ExecStatus.TUPLES_OK:
        raise _error(raw, result)
    if result.ntuples == 0:
        return None
    transformer.set_pgresult(result)
    columns = tuple(result.fname(number) for number in range(result.nfields))
    return transformer.load_row(0, _row_maker(columns))


def _name_of(raw: Connection, statement: str, types: tuple[int, ...]) -> bytes | None:
    book = raw._prepared
    # In a transaction that Django has opened a BEGIN may be due first, and after a rollback a DEALLOCATE.
    return book._names.get((_numbered(statement), types)) if raw.autocommit and not book._to_flush else None


def _error(raw: Connection, result: PGresult) -> Exception:
    if raw.pgconn.status == ConnStatus.BAD:
        return OperationalError("the connection to the database is lost")
    return errors.error_from_result(result, encoding=raw.info.encoding)


@cache
def _row_maker(columns: tuple[bytes, ...]) -> Callable[[Sequence], Any]:
    return namedtuple("Row", [name.decode() for name in columns])._make


@cache
def _numbered(statement: str) -> bytes:
    """With PostgreSQL's own placeholders, as psycopg writes it in its book."""
    first, *others = statement.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))).encode()
