"""Rows of the log, and how they are read: all that has become visible since a cut, in the order of its writing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from api.database import Statement
from messaging.sql import statement
from messaging.stream.places import Cut, Place, read_cut, whole

CREATED, UPDATED, DELIVERED = "message.created", "message.updated", "message.delivered"
MESSAGES = (CREATED, UPDATED, DELIVERED)


class Entry(NamedTuple):
    xid: int
    id: int
    kind: str
    event_id: str
    conversation_id: str | None
    user_id: str | None
    message_id: str | None
    data: dict[str, Any] | None
    # Of a row for a conversation: whom it can concern at most, as it was read.
    people: Collection[str] | None

    @property
    def is_at_large(self) -> bool:
        return self.user_id is None and self.conversation_id is None

    def candidates(self, listeners: Collection[str]) -> Collection[str]:
        """Of these people those whom it may concern; who really is concerned, the database says."""
        if self.user_id is not None:
            return (self.user_id,) if self.user_id in listeners else ()
        if self.people is not None:
            return [person for person in self.people if person in listeners]
        return listeners


class Batch(NamedTuple):
    """What was found after `seen` when the database was looked at: everything that `cut` holds beyond it."""

    seen: Cut
    cut: Cut
    at: int
    entries: list[Entry]

    @property
    def place(self) -> Place:
        return whole(self.at, self.cut)

    def place_of(self, entry: Entry, part: int) -> Place:
        return Place(self.at, entry.id, part, self.seen, self.cut)


# What can be seen now.
NOW: Statement = (
    "SELECT pg_current_snapshot()::text AS snapshot,"
    " (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS at",
    [],
)
# Since when the log is whole.
FLOOR: Statement = ("SELECT xid FROM messaging_logfloor", [])


def after(seen: Cut, most: int) -> Statement:
    return statement("stream_entries", range="stream_range_after"), [seen.xmax, list(seen.running), most]


def latest(most: int) -> Statement:
    return statement("stream_entries", range="stream_range_latest"), [most]


def of_person(person: str, seen: Cut, target: Cut, after_row: int, most: int) -> Statement:
    """Those that may concern one person and are in one cut and not in the other."""
    values = [person, seen.xmin, seen.xmax, list(seen.running), target.xmax, list(target.running), after_row, most]
    return statement("stream_entries", range="stream_range_of_person"), values


def batch(seen: Cut, rows: list[Any]) -> Batch:
    first = rows[0]
    return Batch(seen, read_cut(first.snapshot), first.at, [_entry(row) for row in rows if row.xid is not None])


def _entry(row: Any) -> Entry:
    # JSON comes as text, as it does everywhere here.
    return Entry(*row[2:-2], row.data and orjson.loads(row.data), row.people)
