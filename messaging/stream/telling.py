"""From rows of the log to events, and for whom. It says what to ask the database; whoever runs it asks.

So the stream process asks from its event loop, and a web process in the one way that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from api.database import Statement, entering, leaving
from messaging.stream.entries import Entry


class Ask(NamedTuple):
    """In a person's name and under row-level security, or as the owner."""

    statement: Statement
    person: str | None = None


class Told(NamedTuple):
    """An event, framed but for its id: where somebody stands with it is not the same for all."""

    entry: Entry
    part: int
    framed: bytes
    people: Collection[str]

    @property
    def order(self) -> tuple[int, int]:
        return self.entry.id, self.part


Rows = list[Any]
Answered = tuple[Ask, Callable[[Rows], Iterable[Told]]]
Telling = Generator[list[Ask], list[Rows], list[Told]]


class Kind(Protocol):
    """The events of some kinds of rows: what has to be asked, each with what becomes of its answer."""

    def __call__(self, entries: Sequence[Entry], listeners: Collection[str]) -> Iterable[Answered]: ...


_kinds: dict[str, Kind] = {}


def register(kind: Kind, *names: str) -> None:
    """By the rows' kind. An app to the left tells what it has put into the log."""
    for name in names:
        _kinds[name] = kind


def registered() -> Collection[str]:
    return _kinds.keys()


def tell(entries: Sequence[Entry], listeners: Collection[str]) -> Telling:
    """The events of these rows for these people, in the order of the log; one round trip, or none."""
    answered = [one for kind, rows in _by_kind(entries).items() for one in kind(rows, listeners)]
    if not answered:
        return []
    results = yield [ask for ask, _ in answered]
    told = [one for (_, become), rows in zip(answered, results, strict=True) for one in become(rows)]
    told.sort(key=lambda one: one.order)
    return told


def _by_kind(entries: Sequence[Entry]) -> dict[Kind, list[Entry]]:
    found: dict[Kind, list[Entry]] = {}
    for entry in entries:
        if kind := _kinds.get(entry.kind):
            found.setdefault(kind, []).append(entry)
    return found


def pipeline(asks: Sequence[Ask | Statement]) -> tuple[list[Statement], list[int]]:
    """With taking a role and leaving it around what is asked in somebody's name; and which results are the answers."""
    statements: list[Statement] = []
    wanted = []
    for ask in asks:
        statement, person = ask if isinstance(ask, Ask) else (ask, None)
        if person is not None:
            statements.append(entering(person))
        wanted.append(len(statements))
        statements.append(statement)
        if person is not None:
            statements.append(leaving())
    return statements, wanted
