from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from math import inf
from time import monotonic

from api.errors import ServiceUnavailable
from config.front.exchange import Exchange
from config.front.upstream import Upstream

# A call that takes longer waits for something else than a processor: it does not keep others from theirs.
SLOW_SECONDS = 0.1


class Backend:
    """One of the processes: its kept connections, used in turn so that all its workers get work.

    `width` is how many calls it is given at once while they are quick: more would only share the same processors, and
    wait in the line of one worker while another has nothing to do. Slow ones, and answers that their client is slow to
    read, come on top, up to `limit`. Whoever is not served yet waits here, in one line.
    """

    def __init__(self, name: str, path: str, limit: float = inf, width: float = inf):
        self.name, self.path, self.limit, self.width = name, path, limit, width
        # A worker keeps the connections that it has taken; of so many each has about its share.
        self.spread = 0 if width == inf else min(limit, 4 * width)
        self.count = 0
        self.busy: dict[Upstream, float] = {}  # since when, the longest first
        self.next_look: asyncio.TimerHandle | None = None
        self.idle: deque[Upstream] = deque()
        self.waiting: deque[Exchange] = deque()
        self.connecting: set[asyncio.Task] = set()  # the loop itself would forget them

    def serve(self, exchange: Exchange):
        if self.is_full():
            self.waiting.append(exchange)
            self.look_later()
        else:
            self.pass_on(exchange)

    def is_full(self) -> bool:
        under_way = len(self.busy) + len(self.connecting)
        if under_way < self.width or under_way >= self.limit:
            return under_way >= self.limit
        # There is room for one more if more of them are slow than there are beyond the width.
        since = next(islice(self.busy.values(), under_way - self.width, None), inf)
        return since >= monotonic() - SLOW_SECONDS

    def look_later(self):
        self.next_look = self.next_look or asyncio.get_running_loop().call_later(SLOW_SECONDS, self.look)

    def look(self):
        """Those under way may have become slow."""
        self.next_look = None
        while exchange := self.next_waiting():
            self.pass_on(exchange)
        if self.waiting:
            self.look_later()

    def pass_on(self, exchange: Exchange):
        while self.idle and (not self.busy or self.count >= self.spread):
            upstream = self.idle.popleft()
            if not upstream.is_stale():
                self.begin(upstream, exchange)
                return
            upstream.transport.abort()
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
        self.busy.pop(upstream, None)
        exchange = first if first and first.client else self.next_waiting()
        if exchange:
            self.begin(upstream, exchange)
        else:
            self.idle.append(upstream)

    def begin(self, upstream: Upstream, exchange: Exchange):
        self.busy[upstream] = monotonic()
        upstream.begin(exchange)

    def lost(self, upstream: Upstream):
        self.count -= 1
        self.busy.pop(upstream, None)
        if upstream in self.idle:
            self.idle.remove(upstream)
        self.serve_next()

    def serve_next(self):
        if exchange := self.next_waiting():
            self.pass_on(exchange)

    def next_waiting(self) -> Exchange | None:
        while self.waiting and not self.is_full():
            exchange = self.waiting.popleft()
            if exchange.client:
                return exchange
        return None
