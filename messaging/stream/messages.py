"""Messages that were said, changed or handed over, as items of the feed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import orjson

from messaging.feed import WORDING
from messaging.sql import statement
from messaging.stream import frames
from messaging.stream.entries import CREATED, UPDATED, Entry
from messaging.stream.telling import Answered, Ask, Rows, Told

Variant = tuple[str, str, bool]


def messages(entries: Sequence[Entry], listeners: Collection[str]) -> Iterable[Answered]:
    heard = Heard(entries)
    numbers = range(len(entries))
    everyone = [number for number in numbers if entries[number].is_at_large] if listeners else []
    pairs = [
        (number, person)
        for number in numbers
        if not entries[number].is_at_large
        for person in entries[number].candidates(listeners)
    ]
    wanted = sorted({*everyone, *(number for number, _ in pairs)})
    if not wanted:
        return []
    items = [WORDING, list({entries[number].message_id for number in wanted})]
    answered: list[Answered] = [(Ask((statement("stream_items"), items)), heard.take_items)]
    if pairs:
        numbers_of, people = map(list, zip(*pairs, strict=True))
        answered.append((_hearers("stream_pairs", entries, set(numbers_of), numbers_of, people), heard.take_hearers))
    if everyone:
        answered.append((_hearers("stream_everyone", entries, everyone, list(listeners)), heard.take_hearers))
    return answered


def _hearers(candidates: str, entries: Sequence[Entry], numbers: Collection[int], *who: list) -> Ask:
    rows = [entries[number].id for number in numbers]
    return Ask((statement("stream_hearers", candidates=candidates), [list(numbers), rows, *who]))


class Heard:
    """Each item is written once for all who get the same."""

    def __init__(self, entries: Sequence[Entry]):
        self.entries = entries
        self.items: dict[str, dict] = {}

    def take_items(self, rows: Rows) -> Iterable[Told]:
        self.items = {row.id: orjson.loads(row.item) for row in rows}
        return ()

    def take_hearers(self, rows: Rows) -> Iterator[Told]:
        people: dict[tuple[int, Variant], list[str]] = {}
        for number, person, *variant in rows:
            people.setdefault((number, tuple(variant)), []).append(person)
        for (number, variant), hearers in people.items():
            entry = self.entries[number]
            data = {"event_id": entry.event_id, "item": _item(self.items[entry.message_id], variant)}
            kind = UPDATED if entry.kind == UPDATED else CREATED
            yield Told(entry, 0, frames.event(kind, data), hearers)


def _item(shown: dict[str, Any], variant: Variant) -> dict[str, Any]:
    source, delivery_status, is_catchup = variant
    return {
        **shown,
        "delivery_status": delivery_status,
        "is_own_message": source == "own",
        "is_delivery_backed": source == "delivery",
        "source": source,
        "is_catchup": is_catchup,
    }
