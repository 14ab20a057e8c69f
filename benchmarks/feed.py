"""The feed: how near it comes to PostgreSQL's own rate, what policies cost, and whether it stays flat."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from uuid import uuid4

import uvloop

from benchmarks import bounds, calls, table
from benchmarks.bounds import SQL, TEXT
from benchmarks.calls import EMPTY_ENDPOINT, Event
from benchmarks.load import Result, Run, Target
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import Stand

CONNECTIONS = 64
MODELS = ("v1", "v2")
FEW, MANY = 1_000, 100_000
PEOPLE = 20
EVENTS_FEW, EVENTS_MANY = 10, 1_000
# Low enough that nobody waits for another: what is compared is the call itself.
STEADY = 100
ROUNDS = 3


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    table.heading()
    own = _bounds(stand, event, seconds)
    feeds = Feeds(stand, event, seconds)
    empty = feeds.closed("empty Endpoint", EMPTY_ENDPOINT)
    found = {model: feeds.of_model(model) for model in MODELS}
    sizes = feeds.p99_of_events({str(size): make_event(stand, event, size) for size in (FEW, MANY)})
    memberships = feeds.p99_of_people(people_in_events(stand, event))
    promises = []
    for model in MODELS:
        with_policies, without = own[model]
        rate = found[model].result.rate
        share = Promise(
            f"feed by {model}, closed loop, of PostgreSQL's own rate", rate / with_policies, "share", 0.2, 0.4,
            is_floor=True,
        )  # fmt: skip
        promises += [
            share,
            Promise(f"the same, of empty Endpoints, {model}", rate / empty.result.rate, "share"),
            Promise(f"policies, feed by {model}, by rate", without / with_policies, "times", 1.3, 1.1),
            _ratio(f"event of 100,000 messages against 1,000, p99, {model}", *sizes[model], bar=1.3, beyond=1.1),
            _ratio(f"person in 1,000 events against 10, p99, {model}", *memberships[model]),
        ]
    return outcome(*promises, is_whole=feeds.failed == 0 and feeds.short == 0)


def _bounds(stand: Stand, event: Event, seconds: float) -> dict[str, tuple[float, float]]:
    """PostgreSQL's own rates with and without policies, taken by turns: the machine is not always the same."""
    rates: dict[str, list[float]] = {}
    with readers(stand, event.id) as number:
        for turn in range(ROUNDS):
            for model, kind in itertools.product(MODELS, ("", "_without_policies")):
                with table.watched(stand) as spent:
                    found = bounds.pgbench(stand, f"feed_{model}{kind}", pairs=number, seconds=seconds / 2)
                rates.setdefault(model + kind, []).append(found.rate)
                if turn == ROUNDS - 1:
                    words = ", without policies" if kind else ", as the application"
                    table.bound(f"PostgreSQL alone, {model}{words}", found, spent)
    return {model: (median(rates[model]), median(rates[f"{model}_without_policies"])) for model in MODELS}


@contextmanager
def readers(stand: Stand, event_id: str) -> Iterator[int]:
    """Makes what the scripts draw from and call; how many readers there are."""
    with stand.database() as database:
        database.execute("DROP TABLE IF EXISTS benchmark_reader")
        database.execute((SQL / "readers.sql").read_text(), {"event": event_id})
        database.execute("ALTER TABLE benchmark_reader ADD PRIMARY KEY (no)")
        database.execute("ANALYZE benchmark_reader")
        database.execute((SQL / "feed_without_policies.sql").read_text())
        try:
            yield database.execute("SELECT count(*) FROM benchmark_reader").fetchone().count
        finally:
            database.execute("DROP TABLE benchmark_reader")
            database.execute("DROP FUNCTION benchmark_feed_without_policies")


def make_event(stand: Stand, source: Event, messages: int, people: int = PEOPLE) -> str:
    """Another event of the same people with so many messages; its id."""
    event_id = str(uuid4())
    values = {
        "source": source.id,
        "event": event_id,
        "slug": f"feed-{messages}-{event_id[:8]}",
        "people": people,
        "messages": messages,
        "text": TEXT,
    }
    with stand.database() as database:
        database.execute((SQL / "feed_event.sql").read_text(), values)
        _settle(database)
    return event_id


def people_in_events(stand: Stand, source: Event, *, few: int = EVENTS_FEW, many: int = EVENTS_MANY) -> list:
    """(event, person) of somebody in so few events more, and of somebody in so many, in an event of both."""
    event_id = make_event(stand, source, FEW)
    with stand.database() as database:
        people = database.execute(
            "SELECT user_id FROM events_membership WHERE event_id = %s AND role = 'attendee' ORDER BY user_id LIMIT 2",
            [event_id],
        ).fetchall()
        for person, events in zip(people, (few, many), strict=True):
            database.execute((SQL / "feed_memberships.sql").read_text(), {"person": person.user_id, "events": events})
        _settle(database)
    return [(event_id, str(person.user_id)) for person in people]


def _settle(database) -> None:
    """What autovacuum would do in the middle of the measurement."""
    for name in ("message", "delivery", "addressee", "participant", "conversation"):
        database.execute(f"VACUUM (ANALYZE) messaging_{name}")
    database.execute("VACUUM (ANALYZE) events_membership")


def _ratio(name: str, few: float, many: float, *, bar: float | None = None, beyond: float | None = None) -> Promise:
    return Promise(name, many / few, "times", bar, beyond, note=f"{few * 1000:.1f} · {many * 1000:.1f} ms")


class Feeds:
    def __init__(self, stand: Stand, event: Event, seconds: float):
        self.stand, self.event, self.seconds = stand, event, seconds
        self.failed = self.short = 0

    def of_model(self, model: str):
        """Everybody reads by it."""
        self._swap(model)
        path = f"/api/v1/events/{self.event.id}/feed"
        self.closed("warming up", path, seconds=2)
        if self.stand.web:
            self.closed(f"feed of 50 by {model}, web alone", path, target=self.stand.web)
        return self.closed(f"feed of 50 by {model}, through the front", path)

    def closed(self, name: str, path: str, *, target: Target | None = None, seconds: float | None = None):
        target = target or self.stand.front
        requests = calls.reads(target, path, self.event)
        return self._measure(name, target, requests, connections=CONNECTIONS, seconds=seconds or self.seconds)

    def p99_of_events(self, events: dict[str, str]) -> dict[str, list[float]]:
        with self.stand.database() as database:
            people = {
                size: database.execute("SELECT user_id FROM events_membership WHERE event_id = %s", [event_id])
                for size, event_id in events.items()
            }
        readers = {
            f"event of {int(size):,} messages": [(events[size], str(row.user_id)) for row in rows]
            for size, rows in people.items()
        }
        return self._beside_each_other(readers)

    def p99_of_people(self, readers: list[tuple[str, str]]) -> dict[str, list[float]]:
        return self._beside_each_other(
            {
                f"person in {events:,} events": [one]
                for events, one in zip((EVENTS_FEW, EVENTS_MANY), readers, strict=True)
            }
        )

    def _beside_each_other(self, readers: dict[str, list[tuple[str, str]]]) -> dict[str, list[float]]:
        """The p99 of each, by each model, at a steady rate, both at the same time so that both have the same machine;
        the median of some rounds, in which they go first by turns."""
        found = {}
        for model in MODELS:
            self._swap(model)
            rounds: dict[str, list[float]] = {name: [] for name in readers}
            for number in range(2 * table.often(ROUNDS, self.seconds) + 1):
                names = list(readers)[:: -1 if number % 2 else 1]
                results = uvloop.run(self._at_once([readers[name] for name in names]))
                for name, result in zip(names, results, strict=True):
                    self.failed += result.failed
                    # The first is for warming up.
                    if number:
                        rounds[name].append(result.percentile(99))
            found[model] = [median(latencies) for latencies in rounds.values()]
            told = " · ".join(f"{name} {1000 * took:.1f} ms" for name, took in zip(readers, found[model], strict=True))
            print(f"{model}, open loop at {STEADY}/s each, p99: {told}", flush=True)
        return found

    async def _at_once(self, readers: list[list[tuple[str, str]]]) -> list[Result]:
        plan = {"connections": 16, "rate": STEADY, "seconds": self.seconds, "on_answer": self._look}
        return await asyncio.gather(*(Run(self.stand.front, self._requests(of), **plan).go() for of in readers))

    def _requests(self, readers: list[tuple[str, str]]) -> Iterator[bytes]:
        target = self.stand.front
        return itertools.cycle(
            [
                target.request("GET", f"/api/v1/events/{event_id}/feed", token=self.event.tokens[person])
                for event_id, person in readers
                if person in self.event.tokens
            ]
        )

    def _measure(self, name: str, target: Target, requests: Iterator[bytes], **plan):
        measured = table.measure(self.stand, target, requests, on_answer=self._look, **plan)
        table.row(name, measured)
        self.failed += measured.result.failed
        return measured

    def _look(self, status: int, body: bytes) -> None:
        """Each page is whole JSON; a look at a few, so that the load stays the load."""
        if status == 200 and hash(body[-40:]) % 64 == 0 and b'"items"' in body:
            self.short += len(json.loads(body)["items"]) == 0

    def _swap(self, model: str) -> None:
        with self.stand.database() as database:
            database.execute("UPDATE rollout_livemodel SET live = %s", [model])
