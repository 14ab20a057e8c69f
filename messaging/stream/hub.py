"""Reads the log for everybody who listens in this process.

It asks for what is new so often that no writer has to say that there is something; what it has read it keeps for a
while, so that many who were cut together come back without asking the database for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import dropwhile
from time import monotonic

import psycopg

from messaging.stream import entries, frames, telling
from messaging.stream.catching_up import CatchingUp
from messaging.stream.database import Database
from messaging.stream.entries import Entry
from messaging.stream.listeners import Listener, Listeners
from messaging.stream.places import BEGINNING, Place
from messaging.stream.telling import Told

logger = logging.getLogger("callboard.stream")

POLL_SECONDS = 0.04
MOST_AT_ONCE = 500
# Rows of the log that are kept; about a kilobyte each.
MOST_KEPT = 10_000
# After the last one has gone, so long it goes on reading for who comes back.
LINGER_SECONDS = 60
LONGEST_PAUSE_SECONDS = 2.0


class Hub:
    def __init__(self, database: Database, database_of_the_late: Database):
        self.database = database
        self.catching_up = CatchingUp(self, database_of_the_late)
        self.listeners = Listeners()  # those who are where the log is
        self.joining: list[Listener] = []  # those who are still to be told what they missed
        self.kept: deque[Entry] = deque(maxlen=MOST_KEPT)
        self.place: Place | None = None  # everything up to here is read; nowhere while nobody listens
        self.floor = BEGINNING  # everything after this is kept
        self.horizon = 0
        self.read_at = 0.0
        self.is_away = False
        self._wanted = asyncio.Event()
        self._idle_since: float | None = None
        self._is_reading = asyncio.Event()

    async def awake(self) -> Place:
        """Where the log is; somebody is about to listen."""
        self._wanted.set()
        self._idle_since = None
        await self._is_reading.wait()
        return self.place

    def join(self, listener: Listener) -> None:
        """It is told what came after its place, and then whatever comes."""
        self.joining.append(listener)
        self._wanted.set()

    def leave(self, listener: Listener) -> None:
        self.listeners.remove(listener)
        if listener in self.joining:
            self.joining.remove(listener)

    async def run(self) -> None:
        pause = POLL_SECONDS
        while True:
            await self._wanted.wait()
            try:
                is_more = await self._turn()
                self._note_away(None)
                pause = POLL_SECONDS
            except (psycopg.Error, OSError, TimeoutError) as error:
                self._note_away(error)
                is_more, pause = False, min(2 * pause, LONGEST_PAUSE_SECONDS)
            if not is_more:
                await asyncio.sleep(pause)

    async def _turn(self) -> bool:
        """Reads on; true where there is more to be read at once."""
        if self.place is None:
            await self._begin()
        (rows,) = await self.database.rows(entries.after(self.place, MOST_AT_ONCE))
        found = entries.reading(rows)
        if found.entries:
            self.write(await self.tell(found.entries, self.listeners.people), self.listeners)
        self._keep(found.entries)
        is_more = len(found.entries) == MOST_AT_ONCE
        # Nothing before the horizon will come any more.
        self.place = found.entries[-1].place if is_more else max(self.place, Place(found.horizon, 0))
        self.horizon, self.read_at = found.horizon, monotonic()
        self._is_reading.set()
        if not is_more:
            await self.catching_up.turn()
            self._rest_if_alone()
        return is_more

    async def _begin(self) -> None:
        (rows,) = await self.database.rows(entries.latest(MOST_KEPT))
        found = entries.reading(rows)
        self.kept = deque(found.entries, maxlen=MOST_KEPT)
        self.floor = found.entries[0].place if len(found.entries) == MOST_KEPT else BEGINNING
        self.place = max(found.entries[-1].place if found.entries else BEGINNING, Place(found.horizon, 0))

    def _keep(self, found: Sequence[Entry]) -> None:
        over = len(self.kept) + len(found) - MOST_KEPT
        if over > 0:
            self.floor = self.kept[over - 1].place
        self.kept.extend(found)

    def _rest_if_alone(self) -> None:
        if len(self.listeners) or self.joining:
            self._idle_since = None
            return
        self._idle_since = self._idle_since or monotonic()
        if monotonic() - self._idle_since > LINGER_SECONDS:
            self._wanted.clear()
            self._is_reading.clear()
            self.place, self._idle_since = None, None
            self.kept.clear()

    async def tell(self, found: Sequence[Entry], people: Iterable[str]) -> list[Told]:
        return await self.database.told(telling.tell(found, people))

    def write(self, told: Iterable[Told], listeners: Listeners) -> None:
        for one in told:
            chunk = frames.chunk(one.payload)
            for person in one.people:
                for listener in listeners.of(person):
                    listener.write(chunk)

    def since(self, place: Place) -> Iterable[Entry]:
        """Of what is kept, from the row at this place on."""
        row = place._replace(part=0)
        return dropwhile(lambda entry: entry.place < row, self.kept)

    def settle(self, listener: Listener) -> None:
        """It has everything that the others have."""
        self.joining.remove(listener)
        self.listeners.add(listener)

    def _note_away(self, error: Exception | None) -> None:
        if error is not None and not self.is_away:
            logger.warning("the log cannot be read: %s", type(error).__name__)
        elif error is None and self.is_away:
            logger.warning("the log can be read again")
        self.is_away = error is not None
