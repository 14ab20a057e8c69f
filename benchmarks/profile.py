"""Where a send and a feed spend the CPU of the web process: by stage, and by function. One thread, no HTTP server."""

from __future__ import annotations

import cProfile
import io
import itertools
import json
import logging
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.bounds import TEXT
from benchmarks.calls import EMPTY_ENDPOINT, EMPTY_VIEW, Event
from benchmarks.promises import Outcome
from benchmarks.stand import Stand
from config.environment import REPOSITORY

CALLS = 1_000
LINES = 25

# What a call does, in this order, and the functions that do it; none of them calls another.
STAGES = {
    "remember the token": ("accounts.authentication:BearerAuthentication.remember",),
    "count the call": ("api.limits:count_calls",),
    "read the body and check its shape": ("api.endpoints:Endpoint.body",),
    "ask the database": ("messaging.sends:_written", "messaging.feed:in_one_call"),
    "make the answer": ("messaging.shapes:message",),
    "hand over what is told of it": ("api.requests:Answered.tell",),
    "its log line and figures, by the thread that writes": (
        "api.requests:Answered._line",
        "api.requests:Answered._observe",
    ),
}


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    """In a process of its own, which has Callboard's settings."""
    told = json.dumps({"event": event.id, "senders": event.senders()[: 4 * CALLS]})
    command = [sys.executable, "-m", "benchmarks.profile"]
    return Outcome(subprocess.run(command, input=told, text=True, check=False).returncode == 0)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    from api import logs
    from config.wsgi import application

    # Every call writes its line, as always, but not among ours.
    logging.getLogger().handlers[0].setStream(open(os.devnull, "w"))  # noqa: SIM115
    logs.gather()
    told = json.load(sys.stdin)
    senders = itertools.cycle(told["senders"])
    token, _ = next(senders)

    def send() -> None:
        token, conversation = next(senders)
        body = json.dumps({"content": TEXT}).encode()
        call(application, "POST", f"/api/v1/conversations/{conversation}/messages", token, body)

    def feed() -> None:
        token, _ = next(senders)
        call(application, "GET", f"/api/v1/events/{told['event']}/feed", token)

    print(f"\n{'one thread, without HTTP':<40}{'µs of CPU':>10}{'with waiting':>14}")
    row("empty DRF view", *clock(lambda: call(application, "GET", EMPTY_VIEW, token)))
    row("empty Endpoint", *clock(lambda: call(application, "GET", EMPTY_ENDPOINT, token)))
    row("send", *clock(send))
    row("feed of 50", *clock(feed))
    spent = watched()
    by_stage("a send", send, spent)
    by_stage("a feed of 50", feed, spent)
    by_function("a send", send)


def row(name: str, cpu: float, took: float) -> None:
    print(f"{name:<40}{1e6 * cpu:>10.0f}{1e6 * took:>14.0f}")


def call(application: Callable, method: str, path: str, token: str, body: bytes = b"") -> None:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    answered = []
    response = application(environ, lambda status, headers, error=None: answered.append(status))
    content = b"".join(response)
    getattr(response, "close", list)()
    if not answered[0].startswith("2"):
        raise SystemExit(f"{path}: {answered[0]} {content.decode()}")


def clock(do: Callable[[], None]) -> tuple[float, float]:
    """Seconds of CPU and of waiting and CPU, each time."""
    for _ in range(50):
        do()
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        do()
    return (time.process_time() - cpu) / CALLS, (time.perf_counter() - began) / CALLS


def watched() -> dict[str, list[float]]:
    spent = {name: [0.0, 0.0] for name in STAGES}
    for name, places in STAGES.items():
        for place in places:
            watch(place, spent[name])
    return spent


def by_stage(what: str, do: Callable[[], None], spent: dict[str, list[float]]) -> None:
    for one in spent.values():
        one[:] = 0.0, 0.0
    whole = clock(do)
    print(f"\n{f'{what}, by stage':<40}{'µs of CPU':>10}{'with waiting':>14}")
    calls = CALLS + 50
    for name, (cpu, took) in spent.items():
        if took:
            row(name, cpu / calls, took / calls)
    rest = [whole[kind] - sum(stage[kind] for stage in spent.values()) / calls for kind in (0, 1)]
    row("what holds them together", *rest)


def watch(place: str, spent: list[float]) -> None:
    """Puts a clock around the function of this place: that of the thread, for there is one that writes beside."""
    owner, name = found(place)
    inner = owner.__dict__[name]
    is_static = isinstance(inner, staticmethod)
    function = inner.__func__ if is_static else inner

    def timed(*arguments, **options):
        began, cpu = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[0] += time.thread_time() - cpu
            spent[1] += time.perf_counter() - began

    setattr(owner, name, staticmethod(timed) if is_static else timed)


def found(place: str) -> tuple[Any, str]:
    """The class or module that has the function of this place, and its name there."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    return owner, name


def by_function(what: str, do: Callable[[], None]) -> None:
    """By their CPU, and by that of everything they call; the profiler itself about doubles both."""
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(lambda: [do() for _ in range(CALLS)])
    stats = pstats.Stats(profile).stats
    for title, column in (("CPU in the function itself, profiled", 2), ("with everything it calls", 3)):
        print(f"\n{title:<90}{f'µs {what[2:]}':>10}{'calls':>8}")
        for (file, line, name), entry in sorted(stats.items(), key=lambda item: -item[1][column])[:LINES]:
            print(f"{shortened(file, line, name):<90}{1e6 * entry[column] / CALLS:>10.1f}{entry[1] / CALLS:>8.1f}")


def shortened(file: str, line: int, name: str) -> str:
    if file == "~":
        return name[:89]
    place = file.rpartition("site-packages/")[2].removeprefix(f"{REPOSITORY}/")
    return f"{place}:{line} {name}"[-89:]


if __name__ == "__main__":
    main()
