"""Reads that a copy of the database may answer (`CALLBOARD_REPLICA_URL`).

A copy is a little behind. So each answer of the primary leaves behind how far its log had come (`positions`), and the
copy answers a person only from there on: it says how far it is in the same round trip in which it reads. What it cannot
answer, or would refuse, the primary is asked. A copy that is away or too far behind is not asked at all (`watch`).

    reads of a handler marked `may_lag` -> answer() -> the handler, whose `in_one_trip` comes back here -> ask()
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import Error, connections

from api import prepared
from api.errors import ApiError
from api.prepared import Statement
from api.replica import positions
from api.replica.watch import watch

# Without a replica this is all that anybody asks.
IS_ON = positions.IS_ON

_IS_THERE = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() - '0/0'::pg_lsn >= %s::numeric AS is_there"
_PREPARED = True if settings.DATABASES["default"]["OPTIONS"]["prepare_threshold"] is not None else None

Result = TypeVar("Result")
_of_thread = threading.local()


def may_lag(handler: Callable) -> Callable:
    """For a read in one round trip that a copy may answer, as long as the person's own writes are in it."""
    handler.may_lag = True
    return handler


class AskPrimary(Exception):
    """The copy is behind, or did not answer. Whoever counts failures lets it through: nothing has failed."""


def answer(person: Any, read: Callable[[], Result]) -> Result | None:
    """What is read from the copy, or None where the primary has to be asked."""
    needed = positions.needed_by(person.id) if watch.is_fit() else None
    if needed is None:
        return None
    _of_thread.needed = needed
    try:
        return read()
    except (AskPrimary, ApiError):
        # What is not there may only not have arrived yet: refusals are the primary's.
        return None
    finally:
        _of_thread.needed = None


def is_reading() -> bool:
    """Whether this thread's next round trip goes to the copy."""
    return getattr(_of_thread, "needed", None) is not None


def not_from_a_copy() -> None:
    """Ahead of a read that would be wrong there."""
    if IS_ON and is_reading():
        raise AskPrimary


def ask(*statements: Statement) -> list[list[Any]]:
    """The rows of each statement, in one round trip; AskPrimary where they are not to be had, or too old."""
    try:
        with watch.reading(connections["replica"]) as raw:
            asked = ((_IS_THERE, [_of_thread.needed]), *statements)
            (place,), *found = prepared.rows_of_each(raw, asked, prepare=_PREPARED)
    except (Error, psycopg.Error) as error:
        raise AskPrimary from error
    if not place.is_there:
        raise AskPrimary
    return found
