"""Conversations that began, for each who takes part as they see it; and how far somebody has read one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from uuid import UUID

from messaging import reads, shapes
from messaging.stream import frames, notices
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
    return notices.to_present(entries, listeners, _marker)


def _marker(entry: Entry) -> Iterator[dict]:
    yield {
        "conversation_id": entry.conversation_id,
        "user_id": entry.data["user_id"],
        "message_id": entry.data["message_id"],
        "read_at": datetime.fromisoformat(entry.data["read_at"]).astimezone(UTC),
    }
