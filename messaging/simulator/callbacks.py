"""Posts to our side, signed. What is not taken is tried again a few times; then it is given up, as at Twilio."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode
from uuid import uuid4

from messaging.simulator import client
from messaging.simulator.account import Account
from messaging.simulator.client import Connection, Gone

CONNECTIONS = 24
ANSWER_SECONDS = 15
PAUSES = (0.5, 1, 2, 4, 8)

Answered = Callable[[int, bytes], None]


class Post:
    """`outcome` is the status of the first try, or None where there was none."""

    __slots__ = ("url", "params", "tries", "answered", "outcome", "token")

    def __init__(self, url: str, params: dict[str, str], answered: Answered | None = None):
        self.url, self.params, self.answered = url, params, answered
        self.tries, self.token = 0, str(uuid4())
        self.outcome: asyncio.Future | None = None


class Callbacks:
    def __init__(self, account: Account, counts: Counter[str]):
        self.account, self.counts = account, counts
        self.queue: asyncio.Queue[Post] = asyncio.Queue()
        self.size = 0  # those that wait for another try too
        self.tasks: list[asyncio.Task] = []

    def start(self) -> None:
        self.tasks = [asyncio.create_task(self._work()) for _ in range(CONNECTIONS)]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def post(self, post: Post) -> None:
        self.size += 1
        self.queue.put_nowait(post)

    async def tried(self, post: Post) -> int | None:
        post.outcome = asyncio.get_running_loop().create_future()
        self.post(post)
        return await post.outcome

    async def _work(self) -> None:
        """One connection, to whoever was posted to last."""
        connection, origin = None, None
        try:
            while True:
                post = await self.queue.get()
                wanted = post.url.split("/", 3)[:3]
                if connection and (not connection.is_open or origin != wanted):
                    connection.close()
                    connection = None
                status, body = 0, b""
                with suppress(OSError, Gone, TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        connection = connection or await Connection.open(post.url)
                        status, body = await connection.post(*self._written(post))
                if not status and connection:
                    connection.close()
                origin = wanted
                self._tried(post, status, body)
        finally:
            if connection:
                connection.close()

    def _written(self, post: Post) -> tuple[bytes, bytes]:
        body = urlencode(post.params).encode()
        signature = self.account.signature(post.url, post.params)
        return client.head(post.url, signature, len(body), post.token), body

    def _tried(self, post: Post, status: int, body: bytes) -> None:
        is_taken = 0 < status < 500 and status != 429
        if is_taken or post.tries == len(PAUSES):
            self.size -= 1
            self.counts["callbacks_taken" if is_taken else "callbacks_given_up"] += 1
            if status >= 400:
                self.counts["callbacks_refused"] += is_taken
        else:
            asyncio.get_running_loop().call_later(PAUSES[post.tries], self.queue.put_nowait, post)
            post.tries += 1
            self.counts["callbacks_repeated"] += 1
        if post.answered and 200 <= status < 300:
            post.answered(status, body)
        if post.outcome and not post.outcome.done():
            post.outcome.set_result(status or None)
