"""What the log says in full, for those who are still there to hear it: deliveries and progress, to one person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from messaging.sql import statement
from messaging.stream import frames
from messaging.stream.entries import Entry
from messaging.stream.telling import Answered, Ask, Rows, Told

Said = Callable[[Entry], Iterable[dict]]


def to_present(entries: Sequence[Entry], listeners: Collection[str], said: Said) -> Iterable[Answered]:
    """To who is in the event now, and in the conversation where there is one; in as many events as it says."""
    pairs = [(number, who) for number, entry in enumerate(entries) for who in entry.candidates(listeners)]
    if not pairs:
        return []

    def become(rows: Rows) -> Iterator[Told]:
        present: dict[int, list[str]] = {}
        for number, person in rows:
            present.setdefault(number, []).append(person)
        for number, people in present.items():
            entry = entries[number]
            for part, data in enumerate(said(entry)):
                yield Told(entry, part, frames.event(entry.kind, data), people)

    values = [
        [number for number, _ in pairs],
        [entries[number].event_id for number, _ in pairs],
        [entries[number].conversation_id for number, _ in pairs],
        [who for _, who in pairs],
    ]
    return [(Ask((statement("stream_present"), values)), become)]


def delivery(entries: Sequence[Entry], listeners: Collection[str]) -> Iterable[Answered]:
    return to_present(entries, listeners, _of_each_delivery)


def _of_each_delivery(entry: Entry) -> Iterator[dict]:
    for moved in entry.data["deliveries"]:
        yield {
            "message_id": entry.message_id,
            "user_id": moved["user_id"],
            "delivery_status": moved["delivery_status"],
        }


def as_said(entries: Sequence[Entry], listeners: Collection[str]) -> Iterable[Answered]:
    """The row holds the event as it is told."""
    return to_present(entries, listeners, lambda entry: [entry.data])
