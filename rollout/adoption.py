"""How far a flag has moved work from an older version to a newer one, and how both fare, by day.

Whoever counts that work registers its counter, which has the labels `version` and `code`.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from redis import RedisError

from rollout.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Dot, Line, Tick, parted
from rollout.figures import Counter, of_days

DAYS = 14


class Registered(NamedTuple):
    counter: Counter
    old: str
    new: str
    success: str


class Day(NamedTuple):
    day: date
    # How often each version ended with each code.
    counts: dict[str, dict[str, int]]


class Adoption(NamedTuple):
    old: str
    new: str
    success: str
    days: list[Day]

    def share(self, day: Day) -> float | None:
        """Of what succeeded, how many per cent the newer version took."""
        done = [day.counts.get(version, {}).get(self.success, 0) for version in (self.old, self.new)]
        return 100 * done[1] / sum(done) if sum(done) else None

    def succeeded(self, day: Day, version: str) -> float | None:
        found = day.counts.get(version, {})
        return 100 * found.get(self.success, 0) / sum(found.values()) if found else None

    def codes(self) -> list[tuple[date, str, str, int]]:
        """What did not succeed, newest first."""
        return [
            (day.day, version, code, number)
            for day in reversed(self.days)
            for version, found in sorted(day.counts.items())
            for code, number in sorted(found.items())
            if code != self.success
        ]


_registered: dict[str, Registered] = {}


def register(flag: str, counter: Counter, *, old: str, new: str, success: str) -> None:
    _registered[flag] = Registered(counter, old, new, success)


def of(flag: str) -> Adoption | None:
    """Of the last days; None where nobody counts, or what was counted cannot be read now."""
    found = _registered.get(flag)
    if found is None:
        return None
    try:
        days = of_days(found.counter, days=DAYS)
    except RedisError:
        return None
    return Adoption(found.old, found.new, found.success, [Day(day, _counts(samples)) for day, samples in days])


def _counts(samples) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for sample in samples:
        codes = counts.setdefault(sample.labels["version"], {})
        codes[sample.labels["code"]] = codes.get(sample.labels["code"], 0) + int(sample.value)
    return counts


def charts(found: Adoption) -> list[Chart]:
    shares = [("share of " + found.new, "only", found.share)]
    fares = [
        (version, kind, lambda day, version=version: found.succeeded(day, version))
        for version, kind in ((found.old, "v1"), (found.new, "v2"))
    ]
    return [
        _chart(f"Taken by {found.new}, per cent of what succeeded", found.days, shares),
        _chart("Succeeded, per cent of what was asked", found.days, fares),
    ]


def _chart(title: str, days: list[Day], asked: list[tuple]) -> Chart:
    def x(number: int) -> float:
        return round(LEFT + (number + 0.5) / len(days) * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(TOP + (100 - value) / 100 * (HEIGHT - TOP - BOTTOM), 1)

    lines = [_line(name, kind, value, days, x, y) for name, kind, value in asked]
    across = [Tick(x(number), f"{day.day:%d %b}") for number, day in enumerate(days) if number % 2]
    up = [Tick(y(part), str(part)) for part in (0, 25, 50, 75, 100)]
    return Chart(title, parted([line for line in lines if line.dots]), across, up)


def _line(name: str, kind: str, value, days: list[Day], x, y) -> Line:
    found = [(number, day, share) for number, day in enumerate(days) if (share := value(day)) is not None]
    dots = [Dot(x(number), y(share), f"{day.day} {name}: {share:.4g}%") for number, day, share in found]
    stretches: list[list[str]] = []
    last = None
    for (number, *_), dot in zip(found, dots, strict=True):
        if last is None or number - last > 1:
            stretches.append([])
        stretches[-1].append(f"{dot.x},{dot.y}")
        last = number
    return Line(name, kind, [" ".join(points) for points in stretches], dots, dots[-1].y if dots else 0)
