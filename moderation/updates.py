"""What became of a report, on its reporter's stream."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial

from messaging.stream import frames
from messaging.stream.entries import Entry
from messaging.stream.telling import Answered, Ask, Rows, Told
from moderation import shapes

# By primary key, in the reporter's name: as `GET /reports` shows it.
_REPORT = """
SELECT id, message_id, reason, details, status, created_at, decided_at, outcome FROM moderation_report WHERE id = %s
"""


def reports(entries: Sequence[Entry], listeners: Collection[str]) -> Iterable[Answered]:
    return [
        (Ask((_REPORT, [entry.data["report_id"]]), person), partial(_shown, entry, person))
        for entry in entries
        for person in entry.candidates(listeners)
    ]


def _shown(entry: Entry, person: str, rows: Rows) -> Iterator[Told]:
    for row in rows:
        yield Told(entry, 0, frames.event(entry.kind, {"report": shapes.report(row)}), (person,))
