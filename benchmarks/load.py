"""Load over HTTP/1.1 on kept connections: a closed loop, or an open one at a constant rate.

    python -m benchmarks.load http://127.0.0.1:8000/api/health/live --rate 1000 --seconds 10
    python -m benchmarks.load unix:/path/web.sock --requests calls.jsonl --connections 64 --count 5000

In a closed loop every connection sends its next request when the last was answered, so a slow server is asked less
often. In an open loop requests are planned at fixed moments, and a latency begins at the planned one: when the server
stalls, everything that was planned meanwhile waits and is counted with its wait (no coordinated omission).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools
import uvloop

# uvloop's timers count in milliseconds; waiting for less would spin.
SHORTEST_PAUSE = 0.001
PAUSE_BEFORE_RECONNECTING = 0.05


@dataclass(frozen=True)
class Target:
    """Where requests go: a port of this machine, or a unix socket."""

    host: str = "127.0.0.1"
    port: int = 80
    socket: str | None = None

    @classmethod
    def at(cls, address: str) -> tuple[Target, str]:
        """The target and the path of `http://host:port/path` or `unix:/path/of.sock`."""
        if address.startswith("unix:"):
            return cls(socket=address.removeprefix("unix:")), "/"
        parts = urlsplit(address)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{address}: give http://host:port/path or unix:/path/of.sock")
        path = parts.path or "/"
        return cls(parts.hostname, parts.port or 80), f"{path}?{parts.query}" if parts.query else path

    def request(
        self, method: str, path: str, body: bytes | None = None, *, token: str | None = None, **headers: str
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host if self.socket else f'{self.host}:{self.port}'}"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


@dataclass
class Result:
    """Every latency is kept, so that percentiles are exact: 8 bytes a request."""

    rate_wanted: float | None
    connections: int
    begun: int = 0
    seconds: float = 0.0
    latencies: array = field(default_factory=lambda: array("d"))
    statuses: Counter = field(default_factory=Counter)
    errors: Counter = field(default_factory=Counter)
    cpu_seconds: float = 0.0
    # How late the generator itself was at worst: beyond a few milliseconds it is what is being measured.
    lateness: float = 0.0

    @property
    def answered(self) -> int:
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """What was not answered 2xx, whatever the reason."""
        return self.begun - sum(number for status, number in self.statuses.items() if 200 <= status < 300)

    @property
    def rate(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def cpu_per_request(self) -> float:
        return self.cpu_seconds / self.begun if self.begun else 0.0

    def percentile(self, share: float) -> float:
        """The latency, in seconds, that this share (0 to 100) of all requests stays within."""
        if not self.latencies:
            return 0.0
        rank = max(1, -(-len(self.latencies) * share // 100))
        return self.latencies[int(rank) - 1]

    def as_dict(self) -> dict:
        milliseconds = {f"p{share:g}_ms": round(self.percentile(share) * 1000, 2) for share in (50, 95, 99, 99.9)}
        return {
            "rate_wanted": self.rate_wanted,
            "connections": self.connections,
            "begun": self.begun,
            "answered": self.answered,
            "seconds": round(self.seconds, 3),
            "rate": round(self.rate, 1),
            **milliseconds,
            "max_ms": round(self.percentile(100) * 1000, 2),
            "statuses": {str(status): number for status, number in sorted(self.statuses.items())},
            "errors": dict(self.errors),
            "generator_late_ms": round(self.lateness * 1000, 2),
            "generator_cpu_us": round(self.cpu_per_request * 1e6, 1),
        }


class Connection(asyncio.Protocol):
    def __init__(self, run: Run):
        self.run = run
        self.transport: asyncio.Transport | None = None
        self.parser = httptools.HttpResponseParser(self)
        self.body: list[bytes] = []
        # The moment from which the request under way is counted; None while there is none.
        self.began: float | None = None

    def send(self, request: bytes, began: float) -> None:
        self.began = began
        self.transport.write(request)

    # asyncio calls these

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data: bytes):
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.give_up("not HTTP")

    def connection_lost(self, error):
        self.run.lost(self)

    def give_up(self, why: str) -> None:
        if self.began is not None:
            self.run.failed(self, why)
        self.transport.abort()

    # the parser calls these

    def on_body(self, body: bytes):
        if self.run.on_answer:
            self.body.append(body)

    def on_message_complete(self):
        if self.began is None:  # an answer to nothing
            self.transport.abort()
            return
        body = b"".join(self.body)
        self.body.clear()
        keeps = self.parser.should_keep_alive()
        self.run.answered(self, self.parser.get_status_code(), body, keeps)
        if not keeps:
            self.transport.close()


def begun_already(requests: Iterable[bytes]) -> Iterator[bytes]:
    """The same ones. What a generator does before its first is done here, and no latency counts it."""
    left = iter(requests)
    return itertools.chain(list(itertools.islice(left, 1)), left)


class Run:
    """One measurement. Ends after `count` requests, `seconds`, or the last of `requests`, whichever comes first."""

    def __init__(
        self,
        target: Target,
        requests: Iterable[bytes],
        *,
        connections: int = 64,
        rate: float | None = None,
        seconds: float = 10.0,
        count: int | None = None,
        timeout: float = 30.0,
        on_answer: Callable[[int, bytes], None] | None = None,
    ):
        self.target, self.requests = target, begun_already(requests)
        self.rate, self.seconds, self.count, self.timeout = rate, seconds, count, timeout
        self.on_answer = on_answer
        self.result = Result(rate_wanted=rate, connections=connections)
        self.idle: deque[Connection] = deque()
        self.busy: set[Connection] = set()
        # Planned moments of an open loop for which no connection was free yet.
        self.waiting: deque[float] = deque()
        self.is_issuing = True
        self.reconnecting: set[asyncio.Task] = set()

    async def go(self) -> Result:
        self.loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        for _ in range(self.result.connections):
            self.idle.append(await self._connected())
        cpu = time.process_time()
        self.began = time.perf_counter()
        self.until = self.began + self.seconds
        watch = self.loop.create_task(self._watch())
        if self.rate:
            self._pace()
        else:
            self._fill()
        await self.over.wait()
        self.result.seconds = time.perf_counter() - self.began
        self.result.cpu_seconds = time.process_time() - cpu
        watch.cancel()
        self._close()
        self.result.latencies = array("d", sorted(self.result.latencies))
        return self.result

    async def _connected(self) -> Connection:
        if self.target.socket:
            return (await self.loop.create_unix_connection(lambda: Connection(self), self.target.socket))[1]
        return (await self.loop.create_connection(lambda: Connection(self), self.target.host, self.target.port))[1]

    # --- issuing ------------------------------------------------------------------------------

    def _may_begin(self, now: float) -> bool:
        if self.is_issuing and (now >= self.until or self.result.begun == self.count):
            self.is_issuing = False
        return self.is_issuing

    def _begin(self, connection: Connection, began: float) -> None:
        request = next(self.requests, None)
        if request is None:
            self._run_dry(connection)
            return
        self.busy.add(connection)
        connection.send(request, began)

    def _run_dry(self, connection: Connection) -> None:
        """There are no more requests: what was planned beyond them never was."""
        self.is_issuing = False
        self.result.begun -= 1 + len(self.waiting)
        self.waiting.clear()
        self.idle.append(connection)

    def _fill(self) -> None:
        """Closed loop: whoever is free sends."""
        while self.idle and self._may_begin(now := time.perf_counter()):
            self.result.begun += 1
            self._begin(self.idle.popleft(), now)
        self._end_if_done()

    def _pace(self) -> None:
        """Open loop: what is due is planned, whether or not a connection is free for it."""
        now = time.perf_counter()
        while (due := self.began + self.result.begun / self.rate) <= now and self._may_begin(due):
            self.result.begun += 1
            self.waiting.append(due)
            self.result.lateness = max(self.result.lateness, now - due)
        self._dispatch()
        if self._may_begin(due):
            self.loop.call_later(max(due - time.perf_counter(), SHORTEST_PAUSE), self._pace)
        self._end_if_done()

    def _dispatch(self) -> None:
        while self.waiting and self.idle:
            self._begin(self.idle.popleft(), self.waiting.popleft())

    def _continue(self) -> None:
        if self.rate:
            self._dispatch()
            self._end_if_done()
        else:
            self._fill()

    def _end_if_done(self) -> None:
        if not self.busy and not self.waiting and not self._may_begin(time.perf_counter()):
            self.over.set()

    # --- what becomes of them -----------------------------------------------------------------

    def answered(self, connection: Connection, status: int, body: bytes, keeps: bool) -> None:
        self._count(connection)
        self.result.statuses[status] += 1
        if self.on_answer:
            self.on_answer(status, body)
        if keeps:
            self.idle.append(connection)
        self._continue()

    def failed(self, connection: Connection, why: str) -> None:
        self._count(connection)
        self.result.errors[why] += 1

    def _count(self, connection: Connection) -> None:
        self.result.latencies.append(time.perf_counter() - connection.began)
        connection.began = None
        self.busy.discard(connection)

    def lost(self, connection: Connection) -> None:
        if connection.began is not None:
            self.failed(connection, "connection closed")
        if connection in self.idle:
            self.idle.remove(connection)
        if not self.over.is_set():
            task = self.loop.create_task(self._reconnect())
            self.reconnecting.add(task)
            task.add_done_callback(self.reconnecting.discard)

    async def _reconnect(self) -> None:
        while not self.over.is_set():
            try:
                self.idle.append(await self._connected())
            except OSError:
                self._end_if_done()
                await asyncio.sleep(PAUSE_BEFORE_RECONNECTING)
                continue
            self._continue()
            return

    async def _watch(self) -> None:
        """Nothing is waited for without end: neither an answer, nor a connection for what was planned."""
        while True:
            await asyncio.sleep(min(0.5, self.timeout / 4))
            now = time.perf_counter()
            for connection in [one for one in self.busy if now - one.began > self.timeout]:
                connection.give_up("no answer in time")
            while self.waiting and now - self.waiting[0] > self.timeout:
                self.result.latencies.append(now - self.waiting.popleft())
                self.result.errors["no connection in time"] += 1
            self._end_if_done()

    def _close(self) -> None:
        for task in self.reconnecting:
            task.cancel()
        for connection in [*self.idle, *self.busy]:
            connection.transport.abort()


def run(target: Target, requests: Iterable[bytes], **plan) -> Result:
    """In this process, until it is over. `plan` is what Run takes."""
    return uvloop.run(Run(target, requests, **plan).go())


# --- The command -----------------------------------------------------------------------------


def read_requests(target: Target, lines: Iterable[str]) -> Iterator[bytes]:
    """Over and over, from lines of JSON: {"method", "path", "token", "body"}; {n} in a body is a running number."""
    calls = [json.loads(line) for line in lines if line.strip()]
    bodies = [None if call.get("body") is None else json.dumps(call["body"]) for call in calls]
    for number, index in enumerate(itertools.cycle(range(len(calls)))):
        call, body = calls[index], bodies[index]
        yield target.request(
            call.get("method", "GET"),
            call["path"],
            None if body is None else body.replace("{n}", str(number)).encode(),
            token=call.get("token"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("address", help="http://host:port/path or unix:/path/of.sock")
    parser.add_argument("--requests", type=argparse.FileType(), help="one JSON object a line instead of GET <path>")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, help="requests a second, open loop; without it the loop is closed")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--count", type=int)
    parser.add_argument("--timeout", type=float, default=30)
    chosen = parser.parse_args()
    try:
        target, path = Target.at(chosen.address)
    except ValueError as error:
        parser.error(str(error))
    requests = read_requests(target, chosen.requests or [json.dumps({"path": path})])
    plan = {name: getattr(chosen, name) for name in ("connections", "rate", "seconds", "count", "timeout")}
    try:
        result = run(target, requests, **plan)
    except OSError as error:
        sys.exit(f"{chosen.address} does not answer: {error.strerror or error}")
    print(json.dumps(result.as_dict(), indent=2))
    sys.exit(1 if result.failed else 0)


if __name__ == "__main__":
    main()
