"""The stream where nobody keeps connections open: what came since a place, and then the answer ends.

A web process answers so when no proxy in front of it knows of the stream process. Whoever comes back after `retry`, as
clients do, misses nothing; it only takes longer.
"""

from __future__ import annotations

from collections.abc import Iterator

from accounts.models import User
from api.database import check, passed, piped
from messaging.stream import entries, frames, telling
from messaging.stream.entries import Entry
from messaging.stream.places import Cut, Place, read_cut, whole
from messaging.stream.telling import Telling, Told, pipeline

MOST_AT_ONCE = 300


def answer(place: Place | None, *, by: User) -> bytes:
    """A part of it where it is much: the next call has the rest."""
    *_, (now,), floor = piped(*check(by), entries.NOW, entries.FLOOR)
    passed(by)
    here = whole(now.at, read_cut(now.snapshot))
    if place is None:
        return frames.beginning(here)
    if not _is_known(place, here, floor):
        return frames.beginning(None) + frames.identified(here, frames.event(frames.RESET, {}))
    return b"".join([frames.beginning(None), *_missed(place, here, by=by)])


def _is_known(place: Place, here: Place, floor: list) -> bool:
    is_whole = all(Cut(row.xid, row.xid).is_within(place.seen) for row in floor)
    return is_whole and place.furthest.is_within(here.seen)


def _missed(place: Place, here: Place, *, by: User) -> Iterator[bytes]:
    """The rest of the cut in whose middle the place is, or else what came after it."""
    target, at = place.furthest if place.target else here.seen, place.at if place.target else here.at
    after = place.row - 1 if place.target else 0
    (rows,) = piped(entries.of_person(str(by.id), place.seen, target, after, MOST_AT_ONCE))
    found: list[Entry] = entries.batch(place.seen, rows).entries
    for one in _run(telling.tell(found, {str(by.id)})):
        if not place.has(one.entry.xid, *one.order):
            yield frames.identified(Place(at, *one.order, place.seen, target), one.framed)
    if len(found) < MOST_AT_ONCE:
        # Without data it is no event, and moves the reader's place all the same.
        yield frames.identified(whole(at, target), b"\n")


def _run(steps: Telling) -> list[Told]:
    try:
        asks = next(steps)
        while True:
            statements, wanted = pipeline(asks)
            found = piped(*statements)
            asks = steps.send([found[number] for number in wanted])
    except StopIteration as end:
        return end.value
