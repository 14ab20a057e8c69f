from __future__ import annotations

import asyncio
from collections import deque

from api.errors import ServiceUnavailable
from config.front.exchange import Exchange
from config.front.upstream import Upstream


class Backend:
    """One of the processes: its kept connections, used in turn so that all its workers get work."""

    def __init__(self, name: str, path: str, limit: float):
        self.name, self.path, self.limit = name, path, limit
        self.count = 0
        self.idle: deque[Upstream] = deque()
        self.waiting: deque[Exchange] = deque()
        self.connecting: set[asyncio.Task] = set()  # the loop itself would forget them

    def serve(self, exchange: Exchange):
        while self.idle:
            upstream = self.idle.popleft()
            if not upstream.is_stale():
                upstream.begin(exchange)
                return
            upstream.transport.abort()
        if self.count >= self.limit:
            self.waiting.append(exchange)
            return
        self.count += 1
        task = asyncio.get_running_loop().create_task(self.connect(exchange))
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)

    async def connect(self, exchange: Exchange):
        try:
            upstream = await self.open()
        except OSError:
            self.count -= 1
            if exchange.client:
                exchange.client.answer_problem(ServiceUnavailable("The server is starting or stopping."))
            self.serve_next()
        else:
            self.release(upstream, first=exchange)

    async def open(self) -> Upstream:
        loop, pause = asyncio.get_running_loop(), 0.05
        while True:
            try:
                _, upstream = await loop.create_unix_connection(lambda: Upstream(self), self.path)
                return upstream
            except BlockingIOError:  # its queue of new connections is full for the moment
                if pause > 0.4:
                    raise
                await asyncio.sleep(pause)
                pause *= 2

    def release(self, upstream: Upstream, first: Exchange | None = None):
        """The connection is free: for whom it was made, for who waits longest, or to be kept."""
        exchange = first if first and first.client else self.next_waiting()
        if exchange:
            upstream.begin(exchange)
        else:
            self.idle.append(upstream)

    def lost(self, upstream: Upstream):
        self.count -= 1
        if upstream in self.idle:
            self.idle.remove(upstream)
        self.serve_next()

    def serve_next(self):
        exchange = self.next_waiting()
        if exchange:
            self.serve(exchange)

    def next_waiting(self) -> Exchange | None:
        while self.waiting:
            exchange = self.waiting.popleft()
            if exchange.client:
                return exchange
        return None
