"""Rows of the log, in its order: by transaction, up to the oldest that is still running, so that one which commits late
is not passed over."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from api.database import Statement
from messaging.sql import statement
from messaging.stream.places import Place

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
    def place(self) -> Place:
        return Place(self.xid, self.id)

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


class Reading(NamedTuple):
    """`horizon` is the oldest transaction that was running: of those before it nothing more will come."""

    horizon: int
    entries: list[Entry]


def after(place: Place, most: int) -> Statement:
    return statement("stream_entries", range="stream_range_after"), [place.xid, place.entry, most]


def latest(most: int) -> Statement:
    return statement("stream_entries", range="stream_range_latest"), [most]


def of_person(person: str, place: Place, upto: Place, most: int) -> Statement:
    """Those that may concern one person, from a place on (the row at it included) up to another."""
    values = [person, place.xid, place.entry, upto.xid, upto.entry, most]
    return statement("stream_entries", range="stream_range_of_person"), values


def reading(rows: list[Any]) -> Reading:
    return Reading(rows[0].horizon, [Entry(*row[1:]) for row in rows if row.xid is not None])
