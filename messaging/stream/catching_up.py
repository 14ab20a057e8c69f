"""From where a listener was to where the log is: out of what the hub has kept, or, for one who was away for longer, out
of the log itself.

What is missing is told in two stretches: the rest of the cut in whose middle the listener was, then what came after it.
So each id it gets on the way says exactly what it has by then. The hub reads nothing new while it does this in memory:
whoever has been brought on is told everything that comes, and nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from messaging.stream import entries, frames, telling
from messaging.stream.database import Database
from messaging.stream.entries import Entry
from messaging.stream.listeners import Listener
from messaging.stream.places import LAST_PART, Cut, Place, whole
from messaging.stream.telling import Told

if TYPE_CHECKING:
    from messaging.stream.hub import Hub

logger = logging.getLogger("callboard.stream")

MOST_TOGETHER = 200
MOST_AT_ONCE = 300
# How many at a time are told out of the log itself.
MOST_READING = 4
# By then an id from a process that had read further is known here.
AHEAD_SECONDS = 2.0
STUCK_PAUSE_SECONDS = 0.1


class Missed(NamedTuple):
    """What a listener is to be told next, and where it stands then."""

    listener: Listener
    entries: list[Entry]
    then: Place


class CatchingUp:
    def __init__(self, hub: Hub, database: Database):
        self.hub, self.database = hub, database
        self.reading: dict[Listener, asyncio.Task] = {}
        self.seats = asyncio.Semaphore(MOST_READING)

    async def turn(self) -> None:
        """Whoever can be told out of memory is where the others are afterwards, or a good deal nearer."""
        near = []
        for listener in list(self.hub.joining):
            if listener.is_gone:
                self.hub.leave(listener)
            elif listener not in self.reading and not listener.is_stuck() and self._is_near(listener):
                near.append(listener)
        for begin in range(0, len(near), MOST_TOGETHER):
            await self._from_memory([self._missed(one) for one in near[begin : begin + MOST_TOGETHER]])

    def _is_near(self, listener: Listener) -> bool:
        if not listener.place.furthest.is_within(self.hub.place.seen):
            if monotonic() - listener.since > AHEAD_SECONDS:
                self._reset(listener)
            return False
        if self.hub.floor.is_within(listener.place.seen):
            return True
        task = asyncio.get_running_loop().create_task(self._from_the_log(listener))
        self.reading[listener] = task
        task.add_done_callback(lambda _: self.reading.pop(listener, None))
        return False

    def _missed(self, listener: Listener) -> Missed:
        """The rest of the cut in which it was, where there is one; else all after it."""
        place, them = listener.place, {listener.guest.person}
        target = place.target or self.hub.place.seen
        found = [
            entry
            for entry in self.hub.since(place)
            if target.holds(entry.xid) and not place.has(entry.xid, entry.id, LAST_PART) and entry.candidates(them)
        ]
        found.sort(key=lambda entry: entry.id)
        return Missed(listener, found[:MOST_AT_ONCE], _then(place, target, found, self.hub.place.at))

    async def _from_memory(self, missed: Sequence[Missed]) -> None:
        wanted = {entry.id: entry for one in missed for entry in one.entries}
        them = {one.listener.guest.person for one in missed}
        told: dict[str, list[Told]] = {}
        for one in await self.hub.tell(list(wanted.values()), them):
            for person in one.people:
                told.setdefault(person, []).append(one)
        for one in missed:
            if not one.listener.is_gone:
                _write(told.get(one.listener.guest.person, ()), one)
                if one.listener.place == self.hub.place:
                    self.hub.settle(one.listener)

    async def _from_the_log(self, listener: Listener) -> None:
        try:
            async with self.seats:
                if await self._is_too_old(listener.place):
                    self._reset(listener)
                while not self.hub.floor.is_within(listener.place.seen) and not listener.is_gone:
                    await self._read_on(listener)
        except (psycopg.Error, OSError, TimeoutError) as error:
            logger.warning("what a listener missed cannot be read: %s", type(error).__name__)
            listener.drop("the log could not be read")
        except Exception as error:
            logger.error("what a listener missed cannot be told", exc_info=error)
            listener.drop("the log could not be told")

    async def _read_on(self, listener: Listener) -> None:
        place, person, here = listener.place, listener.guest.person, self.hub.place
        target = place.target or here.seen
        # The row in whose middle it may be once more.
        after = place.row - 1 if place.target else 0
        asked = entries.of_person(person, place.seen, target, after, MOST_AT_ONCE)
        (rows,) = await self.database.rows(asked)
        found = entries.batch(place.seen, rows).entries
        told = await self.database.told(telling.tell(found, {person}))
        _write(told, Missed(listener, found, _then(place, target, found, here.at)))
        while not listener.is_gone and listener.is_stuck():
            await asyncio.sleep(STUCK_PAUSE_SECONDS)

    async def _is_too_old(self, place: Place) -> bool:
        (rows,) = await self.database.rows(entries.FLOOR)
        return any(not Cut(row.xid, row.xid).is_within(place.seen) for row in rows)

    def _reset(self, listener: Listener) -> None:
        """Nobody can say any more what it missed: it reads everything anew, and goes on from here."""
        listener.place = self.hub.place
        listener.write(frames.chunk(frames.identified(listener.place, frames.event(frames.RESET, {}))))

    async def close(self) -> None:
        for task in list(self.reading.values()):
            task.cancel()


def _then(place: Place, target: Cut, found: Sequence[Entry], at: int) -> Place:
    """In the middle of the target where there is more of it than was taken, else at its end."""
    at = place.at if place.target else at
    if len(found) < MOST_AT_ONCE:
        return whole(at, target)
    return Place(at, found[MOST_AT_ONCE - 1].id, LAST_PART, place.seen, target)


def _write(told: Iterable[Told], missed: Missed) -> None:
    """However much it is: it was asked for, and nothing more is written before it has been read."""
    listener, place, then = missed.listener, missed.listener.place, missed.then
    rows = {entry.id for entry in missed.entries}
    for one in sorted(told, key=lambda one: one.order):
        if one.entry.id in rows and not place.has(one.entry.xid, *one.order):
            there = Place(then.at, *one.order, place.seen, place.target or then.furthest)
            listener.transport.write(frames.chunk(frames.identified(there, one.framed)))
    listener.place = then
