"""Direct sends: what they cost beside PostgreSQL's own rate and beside calls that do nothing."""

from __future__ import annotations

from benchmarks import bounds, calls, table
from benchmarks.calls import EMPTY_ENDPOINT, EMPTY_VIEW, Answers, Event
from benchmarks.load import Target
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import Stand

CONNECTIONS = 64

STEADY = 1200
# What that was of PostgreSQL's own rate where it was promised (7,600/s): so a slower machine is asked the same.
STEADY_PART = 0.16


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    table.heading()
    own_rate, own_rate_alone = _bounds(stand, event, seconds)
    empty_view, empty_endpoint = _empty_calls(stand, event, seconds)
    sends = Sends(stand, event, seconds)
    sends.closed("warming up", stand.front, seconds=2)
    if stand.web:
        sends.closed("sends, web alone", stand.web)
    closed = sends.closed("sends, through the front", stand.front)
    sends.closed("sends with Idempotency-Key", stand.front, with_key=True)
    steady = sends.at_rate(STEADY)
    same_part = sends.at_rate(STEADY_PART * own_rate)
    beyond = sends.at_rate(2500)
    share = sends.at_rate(0.7 * closed.result.rate)
    burst = sends.burst()
    lost = sends.answers.missing_messages(stand)
    print(f"\n{len(sends.answers.messages):,} sends were answered with 201; not there whole: {lost}")
    rate = closed.result.rate
    return outcome(
        Promise("sends, closed loop, of PostgreSQL's own rate", rate / own_rate, "share", 0.25, 0.45, is_floor=True),
        Promise("the same by CPU (`alone`)", closed.rate_alone / own_rate_alone, "share"),
        Promise("the same, of empty Endpoints", rate / empty_endpoint, "share"),
        Promise("the same, of empty DRF views", rate / empty_view, "share"),
        table.latency("sends, open loop at 1,200/s, p99", steady.result, 99, bar=50),
        table.latency("the same at 16 % of PostgreSQL's own rate, p99", same_part.result, 99),
        table.latency("sends, open loop at 2,500/s, p99", beyond.result, 99, beyond=50),
        table.latency("sends, open loop at 70 % of the maximum, p99", share.result, 99, bar=200, beyond=50),
        Promise("5,000 sends from 500 connections at once, drained in", burst.result.seconds, "s"),
        Promise("sends answered 201 and not there whole", lost, "number", 0, is_broken=lost > 0),
        is_whole=lost == 0 and sends.failed == 0,
    )


def _bounds(stand: Stand, event: Event, seconds: float) -> tuple[float, float]:
    """PostgreSQL's own rate, the best it does with these rows; and by CPU."""
    scripts = {
        "send_one_statement": "PostgreSQL alone, one statement",
        "send_statements": "PostgreSQL alone, statement by statement",
        "send_as_the_application": "PostgreSQL alone, with every guard",
    }
    rates = []
    with bounds.pairs(stand, event.id) as pairs:
        for script, name in scripts.items():
            with table.watched(stand) as spent:
                found = bounds.pgbench(stand, script, pairs=pairs, seconds=seconds)
            table.bound(name, found, spent)
            rates.append((found.rate, spent.rate_alone(found.number)))
    return max(rates)


def _empty_calls(stand: Stand, event: Event, seconds: float) -> list[float]:
    """The rates through the front of REST framework's empty view and of our empty endpoint."""
    rates = []
    for name, path, asking in (("empty DRF view", EMPTY_VIEW, None), ("empty Endpoint", EMPTY_ENDPOINT, event)):
        for place, target in (("web alone", stand.web), ("through the front", stand.front)):
            if target:
                requests = calls.reads(target, path, asking)
                measured = table.measure(stand, target, requests, connections=CONNECTIONS, seconds=seconds / 2)
                table.row(f"{name}, {place}", measured)
        rates.append(measured.result.rate)
    return rates


class Sends:
    def __init__(self, stand: Stand, event: Event, seconds: float):
        self.stand, self.seconds = stand, seconds
        self.senders = event.senders()
        self.answers = Answers()
        self.failed = 0

    def closed(self, name: str, target: Target, *, with_key: bool = False, **plan):
        return self._measure(name, target, with_key=with_key, **{"connections": CONNECTIONS, **plan})

    def at_rate(self, rate: float):
        name = f"sends, open loop at {rate:,.0f}/s"
        return self._measure(name, self.stand.front, rate=rate, connections=256)

    def burst(self):
        name = "5,000 sends from 500 connections at once"
        return self._measure(name, self.stand.front, connections=500, count=5000, seconds=60)

    def _measure(self, name: str, target: Target, *, with_key: bool = False, **plan):
        requests = calls.sends(target, self.senders, with_key=with_key)
        plan = {"seconds": self.seconds, "on_answer": self.answers.sent, **plan}
        measured = table.measure(self.stand, target, requests, **plan)
        table.row(name, measured)
        self.failed += measured.result.failed
        return measured
