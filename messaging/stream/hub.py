"""Reads the log for everybody who listens in this process.

It asks for what is new so often that no writer has to say that there is something; what it has read it keeps for a
while, so that many who were cut together come back without asking the database for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from time import monotonic

import psycopg

from messaging import stream_figures
from messaging.stream import entries, frames, telling
from messaging.stream.catching_up import CatchingUp
from messaging.stream.database import Database
from messaging.stream.entries import Batch, Entry
from messaging.stream.listeners import Listener, Listeners
from messaging.stream.places import Cut, Place
from messaging.stream.telling import Told

logger = logging.getLogger("callboard.stream")

# What passes: the database does not answer.
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, OSError, TimeoutError)
POLL_SECONDS = 0.04
# After so long without anything new, it asks less often: looking costs more than there is to see.
QUIET_AFTER_SECONDS = 5
QUIET_POLL_SECONDS = 0.12
# Rows that are told in one question.
MOST_AT_ONCE = 500
# Rows that one look may find: more is there only after this process or the database stood still.
MOST_BEHIND = 20_000
# Rows of the log that are kept; about a kilobyte each.
MOST_KEPT = 10_000
# After the last one has gone, so long it goes on reading for who comes back.
LINGER_SECONDS = 60
LONGEST_PAUSE_SECONDS = 2.0


class FellBehind(Exception):
    """There is more to be read than can be told in passing."""


class Hub:
    def __init__(self, database: Database, database_of_the_late: Database):
        self.database = database
        self.catching_up = CatchingUp(self, database_of_the_late)
        self.listeners = Listeners()  # those who are where the log is
        self.joining: list[Listener] = []  # those who are still to be told what they missed
        self.kept: deque[Batch] = deque()
        self.kept_rows = 0
        self.floor = Cut(0, 0)  # what it does not hold is kept
        self.place: Place | None = None  # everything up to here is read; nowhere while nobody listens
        self.is_away = False
        self._read_at = time.monotonic()
        self._wanted = asyncio.Event()
        self._looking: list[asyncio.Future] = []  # who waits for the next look at the log
        self._idle_since: float | None = None
        self._new_at = 0.0

    async def look(self) -> Place:
        """Where the log is now: what was committed before is behind it. Somebody is about to listen."""
        answer = asyncio.get_running_loop().create_future()
        self._looking.append(answer)
        self._wanted.set()
        return await answer

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
                await self._turn()
                self._note_away(None)
                pause = self._pause()
            except FellBehind:
                self._begin_anew()
            except AWAY as error:
                self._note_away(error)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except Exception as error:
                # Whatever it was: streams that nobody writes to look like quiet ones, and nobody would come back.
                logger.error("the log could not be told; all streams begin anew", exc_info=error)
                self._note_away(error)
                self._end_all("the log could not be told")
                pause = LONGEST_PAUSE_SECONDS
            await asyncio.sleep(pause)

    def _pause(self) -> float:
        is_quiet = not (self.joining or self._looking) and monotonic() - self._new_at > QUIET_AFTER_SECONDS
        return QUIET_POLL_SECONDS if is_quiet else POLL_SECONDS

    async def _turn(self) -> None:
        looking, self._looking = self._looking, []
        try:
            batch = await (self._read_on() if self.place else self._read_first())
        except BaseException:
            self._looking += looking
            raise
        self._keep(batch)
        self.place = batch.place
        for answer in looking:
            if not answer.done():
                answer.set_result(self.place)
        await self.catching_up.turn()
        self._rest_if_alone()

    async def _read_first(self) -> Batch:
        rows, purged = await self.database.rows(entries.latest(MOST_KEPT), entries.FLOOR)
        found = entries.batch(Cut(0, 0), rows)
        begins = [row.xid for row in purged]
        if len(found.entries) >= MOST_KEPT:
            begins.append(min(entry.xid for entry in found.entries))
        self.floor = Cut(max(begins, default=0), max(begins, default=0))
        return found._replace(seen=self.floor)

    async def _read_on(self) -> Batch:
        """What has become visible since, told to those who have everything before it."""
        (rows,) = await self.database.rows(entries.after(self.place.seen, MOST_BEHIND))
        batch = entries.batch(self.place.seen, rows)
        if len(batch.entries) == MOST_BEHIND:
            raise FellBehind
        # All of it before any is written: what fails on the way is asked again from the beginning.
        for one in await self.tell(batch.entries, self.listeners.people):
            self._write(one, batch.place_of(one.entry, one.part))
        if batch.entries:
            stream_figures.events.add(len(batch.entries), outcome="sent")
        return batch

    async def tell(self, found: Sequence[Entry], people: Collection[str]) -> list[Told]:
        told = []
        for begin in range(0, len(found), MOST_AT_ONCE):
            told += await self._tell(found[begin : begin + MOST_AT_ONCE], people)
        return told

    async def _tell(self, found: Sequence[Entry], people: Collection[str]) -> list[Told]:
        try:
            return await self.database.told(telling.tell(found, people))
        except AWAY:
            raise
        except Exception as error:
            # One that cannot be told must not stop all that come after it.
            if len(found) > 1:
                return [one for entry in found for one in await self._tell([entry], people)]
            stream_figures.events.add(outcome="failed")
            logger.error("row %s of the log cannot be told", found[0].id, exc_info=error)
            return []

    def _write(self, one: Told, place: Place) -> None:
        chunk = frames.chunk(frames.identified(place, one.framed))
        for person in one.people:
            for listener in self.listeners.of(person):
                listener.write(chunk)

    def _keep(self, batch: Batch) -> None:
        if not batch.entries:
            return
        self._new_at = monotonic()
        self.kept.append(batch)
        self.kept_rows += len(batch.entries)
        while self.kept_rows > MOST_KEPT and len(self.kept) > 1:
            self.kept_rows -= len(self.kept.popleft().entries)
            self.floor = self.kept[0].seen

    def since(self, place: Place) -> Iterator[Entry]:
        """Of what is kept, the newest first, what came after this place; rather too much than too little.

        By what was seen, not by the time: in the middle of catching up one is in an old cut at a new time.
        """
        for batch in reversed(self.kept):
            if batch.cut.is_within(place.seen):
                break
            yield from batch.entries

    def _rest_if_alone(self) -> None:
        if len(self.listeners) or self.joining or self._looking:
            self._idle_since = None
            return
        self._idle_since = self._idle_since or monotonic()
        if monotonic() - self._idle_since > LINGER_SECONDS:
            self._wanted.clear()
            self._forget()

    def _forget(self) -> None:
        self.place, self._idle_since, self.kept_rows = None, None, 0
        self.kept.clear()

    def _begin_anew(self) -> None:
        """Everybody comes back by the last id, each for what they missed."""
        logger.warning("the log ran ahead of its reader; all streams begin anew")
        self._end_all("the server fell behind")

    def _end_all(self, why: str) -> None:
        for listener in (*self.listeners, *self.joining):
            listener.end(why)
        self._forget()

    def settle(self, listener: Listener) -> None:
        """It has everything that the others have."""
        self.joining.remove(listener)
        self.listeners.add(listener)

    def _note_away(self, error: Exception | None) -> None:
        if error is not None and not self.is_away:
            logger.warning("the log cannot be read: %s", type(error).__name__)
        elif error is None and self.is_away:
            logger.warning("the log can be read again")
        if error is None:
            self._read_at = time.monotonic()
        self.is_away = error is not None

    def behind(self) -> float:
        """Seconds for which the log could not be read; nought while it can."""
        return time.monotonic() - self._read_at if self.is_away else 0.0
