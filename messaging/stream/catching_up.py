"""From where a listener was to where the log is: out of what the hub has kept, or, for one who was away for longer, out
of the log itself. The hub lets nothing new be told meanwhile to whom it does in memory, so that nothing is told twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING

import psycopg

from api.database import Statement
from messaging.stream import entries, frames, telling
from messaging.stream.database import Database
from messaging.stream.entries import Entry
from messaging.stream.listeners import Listener, Listeners
from messaging.stream.places import Place
from messaging.stream.telling import Told

if TYPE_CHECKING:
    from messaging.stream.hub import Hub

logger = logging.getLogger("callboard.stream")

MOST_TOGETHER = 200
MOST_AT_ONCE = 500
# How many at a time are told out of the log itself.
MOST_READING = 4
WHOLE = 0xFFFFFF
# An id from a process that had read further is known here by then.
AHEAD_SECONDS = 1.0
STUCK_PAUSE_SECONDS = 0.1

_FLOOR: Statement = ("SELECT xid, entry FROM messaging_logfloor", [])


class CatchingUp:
    def __init__(self, hub: Hub, database: Database):
        self.hub, self.database = hub, database
        self.reading: dict[Listener, asyncio.Task] = {}
        self.seats = asyncio.Semaphore(MOST_READING)

    async def turn(self) -> None:
        """Whoever can be told out of memory is where the others are afterwards."""
        near = []
        for listener in list(self.hub.joining):
            if listener.is_gone:
                self.hub.leave(listener)
            elif listener not in self.reading and not listener.is_stuck() and self._is_near(listener):
                near.append(listener)
        near.sort(key=lambda listener: listener.place, reverse=True)
        while near:
            await self._from_memory(near[:MOST_TOGETHER])
            del near[:MOST_TOGETHER]

    def _is_near(self, listener: Listener) -> bool:
        if listener.place > self.hub.place:
            if monotonic() - listener.since > AHEAD_SECONDS:
                self._reset(listener)
            return False
        if listener.place._replace(part=0) > self.hub.floor:
            return True
        task = asyncio.get_running_loop().create_task(self._from_the_log(listener))
        self.reading[listener] = task
        task.add_done_callback(lambda _: self.reading.pop(listener, None))
        return False

    async def _from_memory(self, group: Sequence[Listener]) -> None:
        them = Listeners()
        for listener in group:
            them.add(listener)
        missed = iter(list(self.hub.since(min(listener.place for listener in group))))
        while part := list(islice(missed, MOST_AT_ONCE)):
            _write(await self.hub.tell(part, them.people), them)
            for listener in them:
                _move(listener, part)
                if listener.is_gone or listener.is_stuck():
                    them.remove(listener)
        for listener in them:
            listener.place = self.hub.place
            self.hub.settle(listener)

    async def _from_the_log(self, listener: Listener) -> None:
        try:
            async with self.seats:
                if await self._is_too_old(listener.place):
                    self._reset(listener)
                while listener.place._replace(part=0) <= self.hub.floor and not listener.is_gone:
                    await self._read_on(listener)
        except (psycopg.Error, OSError, TimeoutError) as error:
            logger.warning("what a listener missed cannot be read: %s", type(error).__name__)
            listener.drop("the log could not be read")

    async def _read_on(self, listener: Listener) -> None:
        upto, person = self.hub.place, listener.guest.person
        (rows,) = await self.database.rows(entries.of_person(person, listener.place, upto, MOST_AT_ONCE))
        part = entries.reading(rows).entries
        them = Listeners()
        them.add(listener)
        _write(await self.database.told(telling.tell(part, {person})), them)
        _move(listener, part)
        if len(part) < MOST_AT_ONCE:
            listener.place = max(listener.place, upto)
        while not listener.is_gone and listener.is_stuck():
            await asyncio.sleep(STUCK_PAUSE_SECONDS)

    async def _is_too_old(self, place: Place) -> bool:
        (rows,) = await self.database.rows(_FLOOR)
        return any(place < Place(row.xid, row.entry) for row in rows)

    def _reset(self, listener: Listener) -> None:
        """Nobody can say any more what it missed: it reads everything anew, and goes on from here."""
        listener.place = self.hub.place
        listener.write(frames.chunk(frames.event(frames.RESET, {}, listener.place)))

    async def close(self) -> None:
        for task in list(self.reading.values()):
            task.cancel()


def _write(told: Iterable[Told], them: Listeners) -> None:
    """However much it is: it has been asked for, and whether it is read is looked at after it."""
    for one in told:
        chunk = frames.chunk(one.payload)
        for person in one.people:
            for listener in them.of(person):
                if one.place > listener.place and not listener.is_gone:
                    listener.transport.write(chunk)


def _move(listener: Listener, part: Sequence[Entry]) -> None:
    if part:
        listener.place = max(listener.place, part[-1].place._replace(part=WHOLE))
