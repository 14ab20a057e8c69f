"""Conversations that began, for each who takes part as they see it; and how far somebody has read one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from uuid import UUID

from messaging import reads, shapes
from messaging.sql import statement
from messaging.stream import frames
from messaging.stream.entries import Entry
from messaging.stream.telling import Answered, Ask, Rows, Told


def created(entries: Sequence[Entry], listeners: Collection[str]) -> Iterable[Answered]:
    """In each person's name: what GET /conversations/{id} would answer them now."""
    return [
        (Ask(reads.conversation(UUID(_named(entry))), person), partial(_shown, entry, person))
        for entry in entries
        for person in entry.candidates(listeners)
    ]


def _named(entry: Entry) -> str:
    return entry.conversation_id or entry.data["conversation_id"]


def _shown(entry: Entry, person: str, rows: Rows) -> Iterator[Told]:
    """Who has left it since sees none, and who was removed from the event hears no more of it."""
    for row in rows:
        if row.role and row.removed_at is None:
            shown = shapes.conversation(row, SimpleNamespace(id=UUID(person)))
            yield Told(entry, 0, frames.event(entry.kind, {"conversation": shown}), (person,))


def read(entries: Sequence[Entry], listeners: Collection[str]) -> Iterable[Answered]:
    """To who takes part, with the message that each of them may know of."""
    pairs = [(number, who) for number, entry in enumerate(entries) for who in entry.candidates(listeners)]
    if not pairs:
        return []
    named = [
        (number, entries[number].event_id, entries[number].conversation_id, entries[number].data["message_id"], who)
        for number, who in pairs
    ]
    values = [list(column) for column in zip(*named, strict=True)]
    return [(Ask((statement("stream_markers"), values)), partial(_marked, entries))]


def _marked(entries: Sequence[Entry], rows: Rows) -> Iterator[Told]:
    people: dict[tuple[int, str], list[str]] = {}
    for number, person, message_id in rows:
        people.setdefault((number, message_id), []).append(person)
    for (number, message_id), hearers in people.items():
        entry = entries[number]
        yield Told(entry, 0, frames.event(entry.kind, _marker(entry, message_id)), hearers)


def _marker(entry: Entry, message_id: str) -> dict:
    return {
        "conversation_id": entry.conversation_id,
        "user_id": entry.data["user_id"],
        "message_id": message_id,
        "read_at": datetime.fromisoformat(entry.data["read_at"]).astimezone(UTC),
    }
