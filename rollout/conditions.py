"""Go or no-go: what has to hold before more people come to v2. `manage.py rollout check` asks all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from api import health
from rollout import alerts, budget, trend

# Below it a page of messages feels slow, whatever the other model takes.
MOST_V2_P95_MS = 500


class Condition(NamedTuple):
    name: str
    is_met: bool
    words: str


def look(*, least: int) -> Iterator[Condition]:
    """`least` comparisons of the last 24 hours are wanted, before their agreement says something."""
    for name, found in health.report("database", "migrations", "redis", "worker")["checks"].items():
        yield Condition(name, found["status"] == "ok", found["detail"])
    for alert in alerts.report():
        yield Condition(f"alert {alert['name']}", alert["state"] == alerts.OK, alert["words"])
    standing = budget.standing()
    words = f"{standing.mismatches} since {standing.since:%Y-%m-%d %H:%M} UTC, {standing.budget} put up with"
    yield Condition("mismatches", not standing.is_spent, words)
    yield from _comparisons(least)


def _comparisons(least: int) -> Iterator[Condition]:
    whole = trend.of_last_day().whole
    words = f"{whole.comparisons} in 24 hours, {least} wanted"
    yield Condition("comparisons", whole.comparisons >= least, words)
    if whole.v1_ms and whole.v2_ms:
        words = f"95 of 100 pages in {whole.v2_ms[1]:.1f} ms (v1: {whole.v1_ms[1]:.1f} ms), {MOST_V2_P95_MS} ms at most"
        yield Condition("time of v2", whole.v2_ms[1] <= MOST_V2_P95_MS, words)
