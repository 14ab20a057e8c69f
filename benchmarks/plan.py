"""The load plan: 5,000 direct sends from 500 connections at once, and 500 broadcasts beside them.

Each kind comes from a process of its own, so that neither waits for the other's answers. All of it is drained when the
last broadcast is published.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks import calls, load, table
from benchmarks.bounds import SQL
from benchmarks.calls import Answers, Event
from benchmarks.load import Result
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import NotReady, Stand

SENDS, CONNECTIONS = 5000, 500
BROADCASTS, AUTHORS = 500, 50
# For the answers; and for the deliveries after them.
SECONDS, PATIENCE = 120, 600


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    """It ends when it is done, not by `seconds`."""
    return measure(stand, event, sends=SENDS, broadcasts=BROADCASTS)


def measure(stand: Stand, event: Event, *, sends: int, broadcasts: int) -> Outcome:
    if not event.broadcasters():
        raise NotReady("no MVP dealer is among those whose tokens are known")
    began_at, began = time.time(), time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        burst = processes.submit(_send, stand, event, sends)
        orders = processes.submit(_broadcast, stand, event, broadcasts)
        (sent, messages), (ordered, ids) = burst.result(), orders.result()
    answered = time.perf_counter() - began
    answers = Answers(messages=messages, broadcasts=ids)
    rows, drained_at = _wait(stand, ids)
    lost = answers.missing_messages(stand), answers.missing_broadcasts(stand)
    _print(sent, len(messages), lost[0], f"{sends:,} sends, {CONNECTIONS} connections", heading=True)
    _print(ordered, len(ids), lost[1], f"{broadcasts:,} broadcasts, {AUTHORS} connections")
    is_whole = sent.failed == ordered.failed == 0 and not any(lost) and (len(messages), len(ids)) == (sends, broadcasts)
    drained = drained_at - began_at
    return outcome(
        Promise(
            f"{sends:,} sends and {broadcasts:,} broadcasts at once: failed or lost",
            sent.failed + ordered.failed + sum(lost), "number", 0, is_broken=not is_whole,
        ),
        Promise("all answered after", answered, "s"),
        Promise("drained: the last broadcast published after", drained, "s"),
        Promise(f"deliveries of the {broadcasts:,} ({rows:,}), a second", rows / max(drained, 1e-6), "number"),
        is_whole=is_whole,
    )  # fmt: skip


def _send(stand: Stand, event: Event, count: int) -> tuple[Result, list[str]]:
    answers = Answers()
    requests = calls.sends(stand.front, event.senders())
    plan = {"connections": min(CONNECTIONS, count), "count": count, "seconds": SECONDS, "timeout": SECONDS}
    return load.run(stand.front, requests, on_answer=answers.sent, **plan), answers.messages


def _broadcast(stand: Stand, event: Event, count: int) -> tuple[Result, list[str]]:
    answers = Answers()
    requests = calls.broadcasts(stand.front, event)
    plan = {"connections": min(AUTHORS, count), "count": count, "seconds": SECONDS, "timeout": SECONDS}
    return load.run(stand.front, requests, on_answer=answers.ordered, **plan), answers.broadcasts


def _wait(stand: Stand, ids: list[str]) -> tuple[int, float]:
    """Until none is on its way; the rows that were to be written, and when the last one ended."""
    until = time.monotonic() + PATIENCE
    with stand.database() as database:
        while time.monotonic() < until:
            found = database.execute((SQL / "broadcasts_left.sql").read_text(), {"ids": ids}).fetchone()
            if not found.waiting:
                return found.audience, found.last_at or time.time()
            time.sleep(0.25)
    raise NotReady(f"{found.waiting} broadcasts were not published within {PATIENCE} s")


def _print(result: Result, stands: int, lost: int, name: str, *, heading: bool = False) -> None:
    if heading:
        columns = ("answered", "201", "errors", "lost", "p50", "p99", "max", "a second")
        print("\n" + " " * table.NAME + "".join(f"{column:>11}" for column in columns))
    times = "".join(f"{result.percentile(share) * 1000:>8.0f} ms" for share in (50, 99, 100))
    counts = "".join(f"{number:>11,}" for number in (result.answered, stands, result.failed, lost))
    print(f"{name:<{table.NAME}}{counts}{times}{result.rate:>11,.0f}")
    if result.failed:
        print(f"  NOT ALL ANSWERED 2xx: {json.dumps(result.as_dict()['statuses'])} {dict(result.errors)}")
