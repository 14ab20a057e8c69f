"""Live streams in one process: what each costs in memory, and how soon an event is with all of them."""

from __future__ import annotations

import asyncio
import http.client
import json
import resource
import time
from statistics import median

import psutil

from benchmarks.calls import Event
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import NotReady, Stand
from config import home

PATH = "/api/v1/stream"
STREAMS = 5000
TIMES = 7
PATIENCE = 60
# So many at once, as a proxy lets them in.
OPENING = 200


class Listener(asyncio.Protocol):
    """Counts what comes; to take it apart would be measured too."""

    def __init__(self, crowd: Crowd, request: bytes):
        self.crowd, self.request = crowd, request
        self.head = b""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        if self.head is not None:
            self.head += data
            if b"retry: " in self.head or b" 200 " not in self.head[:20]:
                self.crowd.opened(b" 200 " in self.head[:20])
                self.head = None
        elif (number := data.count(b"event: message.created")) > 0:
            self.crowd.told(number)

    def connection_lost(self, error):
        self.crowd.lost += 1


class Crowd:
    def __init__(self, number: int):
        self.number = number
        self.open = self.refused = self.lost = self.heard = 0
        self.last_at = 0.0
        self.changed = asyncio.Event()

    def opened(self, is_open: bool) -> None:
        self.open += is_open
        self.refused += not is_open
        self.changed.set()

    def told(self, number: int) -> None:
        self.heard += number
        self.last_at = time.perf_counter()
        self.changed.set()

    async def until(self, holds) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    """Prints the table; whether all were open and all heard everything."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < STREAMS + 100:
        raise NotReady(f"{STREAMS:,} streams need as many open files; the limit here is {most:,} (ulimit -n)")
    author, event_id = _author(stand, event)
    rows = []
    # The process first: what it has taken from the system once, it keeps.
    for name, path in (("the process alone", str(home.sockets() / "stream.sock")), ("through the front", None)):
        rows.append((name, *asyncio.run(_measure(stand, event, author, event_id, path))))
    print(f"\n{'':<24}{'open':>8}{'in':>10}{'kB each':>10}{'CPU':>8}{'to all, median':>16}{'slowest':>10}{'heard':>10}")
    for name, crowd, took, each, worked, waits in rows:
        print(
            f"{name:<24}{crowd.open:>8,}{took:>8.1f} s{each / 1000:>10.1f}{worked * 1000:>5.0f} ms"
            f"{median(waits) * 1000:>13.0f} ms"
            f"{max(waits) * 1000:>7.0f} ms{crowd.heard:>10,}",
            flush=True,
        )
    (_, _, _, each, _, waits), (*_, front) = rows
    return outcome(
        Promise(f"memory of each of {STREAMS:,} streams, in the process", each / 1000, "kB", 60, 20),
        Promise("from before the call to the last of them, median", median(waits) * 1000, "ms", 300, 150),
        Promise("the same through the front", median(front) * 1000, "ms"),
        is_whole=all(one.heard == STREAMS * TIMES and not one.lost for _, one, *_ in rows),
    )


async def _measure(stand: Stand, event: Event, author: str, event_id: str, path: str | None):
    process = _stream_process(stand)
    crowd = Crowd(STREAMS)
    before, began = process.memory_info().rss, time.perf_counter()
    listeners = await _open(stand, event, crowd, path)
    took = time.perf_counter() - began
    each = (process.memory_info().rss - before) / STREAMS
    waits, worked = [], _cpu(process)
    for number in range(TIMES):
        began = time.perf_counter()
        await asyncio.to_thread(_announce, stand, event.tokens[author], event_id, number)
        await crowd.until(lambda number=number: crowd.heard >= STREAMS * (number + 1))
        waits.append(crowd.last_at - began)
        await asyncio.sleep(0.5)
    # Of the process, for an event and what it does before the next one.
    worked = (_cpu(process) - worked) / TIMES
    lost = crowd.lost
    for listener in listeners:
        listener.transport.abort()
    await asyncio.sleep(1)
    crowd.lost = lost
    return crowd, took, each, worked, waits


async def _open(stand: Stand, event: Event, crowd: Crowd, path: str | None) -> list[Listener]:
    loop, tokens, listeners = asyncio.get_running_loop(), list(event.tokens.values()), []
    for number in range(STREAMS):
        token = tokens[number % len(tokens)]
        request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        make = lambda request=request: Listener(crowd, request)  # noqa: E731
        opening = (
            loop.create_unix_connection(make, path) if path else loop.create_connection(make, "127.0.0.1", stand.port)
        )
        listeners.append((await opening)[1])
        if number % OPENING == OPENING - 1:
            await crowd.until(lambda number=number: crowd.open + crowd.refused > number)
    await crowd.until(lambda: crowd.open + crowd.refused == STREAMS)
    return listeners


def _announce(stand: Stand, token: str, event_id: str, number: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stand.port, timeout=PATIENCE)
    body = json.dumps({"kind": "announcement", "content": f"Doors open, {number}", "roles": ["attendee"]})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", f"/api/v1/events/{event_id}/broadcasts", body, headers)
    answer = connection.getresponse()
    if answer.status != 201:
        raise NotReady(f"the announcement was refused: {answer.status} {answer.read(300).decode()}")
    connection.close()


def _author(stand: Stand, event: Event) -> tuple[str, str]:
    """Who may announce without a quota; everybody else attends, so that it concerns them all. They read by v2."""
    author = next(iter(event.tokens))
    with stand.database() as database:
        database.execute("UPDATE events_membership SET role = 'attendee' WHERE event_id = %s", [event.id])
        database.execute(
            "UPDATE events_membership SET role = 'mvp_dealer' WHERE event_id = %s AND user_id = %s", [event.id, author]
        )
        database.execute("UPDATE rollout_livemodel SET live = 'v2'")
    return author, event.id


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _stream_process(stand: Stand) -> psutil.Process:
    found = [process for name, process in stand._processes() if name == "stream"]
    if not found:
        raise NotReady("the stream process was not found: this measures one that was started for it")
    return found[0]
