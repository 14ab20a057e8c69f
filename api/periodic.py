"""Work that recurs: harmless when it is done twice, and done by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """One transaction; whether nobody else is at this work now. The lock ends with it, also when the process dies."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"callboard:{name}"])
        yield cursor.fetchone()[0]
