"""One scenario: a crowd with phones is texted while things go wrong, until every text has an end; then that is held
against what the simulator took."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable

from accounts.models import User
from broadcasts.models import Broadcast
from events.models import Membership
from tests.broadcasts.conftest import accept
from tests.chaos import history
from tests.chaos.history import Findings
from tests.chaos.house import GROUP, House
from tests.conftest import Cast

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
TEXTS = int(os.environ.get("CALLBOARD_CHAOS_TEXTS", "10000" if IS_LONG else "48"))
BROADCASTS = 4 if IS_LONG else 2
SECONDS = 3600 if IS_LONG else 120
WORKERS = ("worker-1", "worker-2")

_blocks = itertools.count(100)
Deed = Callable[[], object]


class Scenario:
    """`deeds` are done one after the other while the texts go out, spread over the work rather than over time."""

    def __init__(self, house: House, cast: Cast, name: str, *, texts: int = TEXTS, broadcasts: int = BROADCASTS):
        self.house, self.cast, self.name = house, cast, name
        self.phones = crowd(cast, texts // broadcasts)
        self.number, self.contents = broadcasts, []
        self.injected: Counter[str] = Counter()
        self.stopped_at: dict[str, float] = {}
        self.counted: Counter[str] = house.counts()
        self.began_at = time.monotonic()

    def publish(self) -> None:
        self.contents.append(f"{self.name}, {len(self.contents)}: {self.phones[0]}")
        accept(self.cast, self.cast.mvp_dealer, roles=["attendee"], content=self.contents[-1], sms=True, confirm=True)

    def start_workers(self, **environment: str) -> None:
        self.house.start("beat-1")
        for name in WORKERS:
            self.house.start(name, GROUP, **environment)

    def run(self, deeds: list[Deed] | None = None, upkeep: Deed = lambda: None) -> Findings:
        """`upkeep` is called all the time."""
        self.publish_and_settle(deeds or (), upkeep)
        self.house.end_work()
        return self.findings()

    def look_after_workers(self) -> None:
        """As whatever runs them would: one whose child and whose Redis are killed together gives up by itself."""
        for name in ("beat-1", *WORKERS):
            if name in self.house.running and not self.house.lives(name):
                self.house.start(name)
                self.injected["ended by itself"] += 1

    def publish_and_settle(self, deeds: Iterable[Deed] = (), upkeep: Deed = lambda: None) -> None:
        for _ in range(self.number):
            self.publish()
        self.go_on_until_settled(list(deeds), upkeep)

    def go_on_until_settled(self, deeds: list[Deed], upkeep: Deed) -> None:
        all_deeds = len(deeds)
        until = time.monotonic() + SECONDS
        while deeds or not self.is_settled():
            assert time.monotonic() < until, (self.states(), self.house.counts(), self.house.logs())
            done = sum(number for state, number in self.states().items() if state in history.WENT_OUT | history.ENDS)
            if deeds and done >= self.total * (all_deeds - len(deeds)) // (all_deeds + 1):
                deeds.pop(0)()
            self.look_after_workers()
            upkeep()
            time.sleep(0.05 if not IS_LONG else 0.25)

    @property
    def total(self) -> int:
        return len(self.phones) * len(self.contents)

    def states(self) -> Counter[str]:
        return history.states(self.contents)

    def is_settled(self) -> bool:
        """Everything is published, every text has an end, and nothing more is on its way to us."""
        states = self.states()
        has_ends = states.total() >= self.total and set(states) <= history.ENDS
        return has_ends and self.are_published() and self.house.is_silent()

    def are_published(self) -> bool:
        published = Broadcast.objects.filter(message__content__in=self.contents, status="published")
        return published.count() == len(self.contents)

    def findings(self) -> Findings:
        return history.check(self.contents, self.house.accepted(), self.stopped_at)

    def injections(self) -> Counter[str]:
        """Also those that the simulator injected."""
        counted = self.house.counts() - self.counted
        names = [name for name in self.house.ask("GET", "/faults") if counted[name]]
        return Counter({**self.injected, **{name: counted[name] for name in names}})

    def row(self, found: Findings) -> list[str]:
        injected = ", ".join(f"{name} {number}" for name, number in sorted(self.injections().items())) or "none"
        figures = (found.texts, found.lost, found.doubled, found.denied, found.unknown, found.were_unknown)
        seconds = f"{time.monotonic() - self.began_at:.0f}"
        return [self.name, *(f"{figure:,}" for figure in figures), seconds, injected]

    # --- Deeds

    def kill_group(self) -> None:
        name = self.house.chance.choice(WORKERS)
        self.house.kill(name)
        self.house.start(name)
        self.injected["workers killed"] += 1

    def kill_child(self) -> None:
        self.injected["children killed"] += self.house.kill_child(self.house.chance.choice(WORKERS))

    def flush_redis(self) -> None:
        self.house.flush_redis()
        self.injected["Redis flushed"] += 1

    def restart_redis(self) -> None:
        self.house.restart_redis()
        self.injected["Redis killed"] += 1

    def restart_simulator(self) -> None:
        self.house.restart_simulator()
        self.injected["simulator killed"] += 1

    def cut_connections(self) -> None:
        self.injected["connections cut"] += self.house.cut_connections()


def crowd(cast: Cast, number: int) -> list[str]:
    """Attendees with a phone each; no number ends in a code that the simulator makes something of."""
    block = next(_blocks)
    users = [
        User(username=f"chaos_{block}_{n}", name=f"Chaos {n}", phone=f"+49151{block:03}{n:05}", password="!")
        for n in range(number)
    ]
    User.objects.bulk_create(users)
    Membership.objects.bulk_create([Membership(event=cast.event, user=user, role="attendee") for user in users])
    return [user.phone for user in users]
