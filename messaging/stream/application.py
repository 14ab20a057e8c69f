"""The parts of a stream process put together, and run as long as it lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from messaging import stream_figures
from messaging.stream import frames
from messaging.stream.database import Database
from messaging.stream.door import Door
from messaging.stream.guests import Guests
from messaging.stream.hub import Hub
from messaging.stream.listeners import Listener
from messaging.stream.signals import Signals

HEARTBEAT_SECONDS = 15
STOPPING = "the server stops"


class Application:
    """Calls go to `door`, once it is `running`."""

    def __init__(self):
        # The log is read on a connection of its own: nobody who comes or catches up holds it up.
        self.databases = [Database(), Database(), Database()]
        self.hub = Hub(*self.databases[:2])
        self.guests = Guests(self.databases[2])
        self.signals = Signals(self.hub)
        self.door = Door(self.hub, self.guests)

    def everybody(self) -> Iterator[Listener]:
        yield from self.hub.listeners
        yield from list(self.hub.joining)

    def figures(self) -> dict:
        """For /api/health: how many are open here, and whether the log can be read."""
        return {"open": len(self.hub.listeners) + len(self.hub.joining), "is_away": self.hub.is_away}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        work = (
            self.hub.run(),
            self.guests.watch(self.everybody),
            self.signals.listen(),
            self.signals.tell(),
            self.beat_hearts(),
        )
        tasks = [asyncio.create_task(one) for one in work]
        try:
            yield
        finally:
            await self.hub.catching_up.close()
            await _cancelled(tasks)
            for listener in self.everybody():
                listener.end(STOPPING)
            for database in self.databases:
                await database.close()

    async def beat_hearts(self) -> None:
        """A share of them each second, so that there is never much to write at once."""
        turn = 0
        while True:
            await asyncio.sleep(1)
            turn = (turn + 1) % HEARTBEAT_SECONDS
            stream_figures.connections.set(sum(1 for _ in self.everybody()))
            stream_figures.lag.set(self.hub.behind())
            known = frames.chunk(frames.heartbeat(self.hub.place))
            plain = frames.chunk(frames.heartbeat(None))
            for listener in self.hub.listeners:
                if listener.number % HEARTBEAT_SECONDS == turn:
                    listener.write(known)
            for listener in list(self.hub.joining):
                if listener.number % HEARTBEAT_SECONDS == turn:
                    listener.write(plain)


async def _cancelled(tasks: list[asyncio.Task]) -> None:
    # Once may not be enough: before Python 3.12, wait_for (inside redis) can swallow a cancellation.
    while any(not task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.1)
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            task.result()
