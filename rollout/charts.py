"""Lines over time as SVG, drawn here so that a page needs no script; the template colours them for light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from rollout.trend import SLOT, Slot, Trend

WIDTH, HEIGHT = 900, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 96, 14, 28


class Dot(NamedTuple):
    x: float
    y: float
    says: str


class Line(NamedTuple):
    name: str
    kind: str
    # One for each stretch without a gap.
    stretches: list[str]
    dots: list[Dot]
    # Where its name stands: beside its last dot, apart from the other names.
    label_y: float


class Tick(NamedTuple):
    at: float
    label: str


class Chart(NamedTuple):
    title: str
    lines: list[Line]
    across: list[Tick]
    up: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


Value = Callable[[Slot], float | None]


def agreement(trend: Trend) -> Chart:
    found = [slot.agreement for slot in trend.slots if slot.agreement is not None]
    # Down to a whole per cent below the worst, and never so close that rounding looks like a cliff.
    least = max(0, min([98, *(math.floor(value) - 1 for value in found)]))
    return _chart(
        "Agreement, per cent of the messages that both should show",
        trend,
        [("agreement", "only", lambda slot: slot.agreement)],
        (least, 100),
        "%",
    )


def latency(trend: Trend) -> Chart:
    found = [value for slot in trend.slots for value in (*slot.v1_ms, *slot.v2_ms)]
    return _chart(
        "Time to read a page, milliseconds",
        trend,
        [
            ("v1 p95", "v1 faint", lambda slot: slot.v1_ms[1]),
            ("v1 median", "v1", lambda slot: slot.v1_ms[0]),
            ("v2 p95", "v2 faint", lambda slot: slot.v2_ms[1]),
            ("v2 median", "v2", lambda slot: slot.v2_ms[0]),
        ],
        (0, _round_up(max(found, default=1))),
        " ms",
    )


def _chart(
    title: str, trend: Trend, asked: Sequence[tuple[str, str, Value]], reach: tuple[float, float], unit: str
) -> Chart:
    low, high = reach

    def y(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    lines = [_line(name, kind, value, trend, y, unit) for name, kind, value in asked]
    up = [Tick(y(low + (high - low) * part / 4), f"{low + (high - low) * part / 4:g}") for part in range(5)]
    return Chart(title, parted([line for line in lines if line.dots]), _hours(trend), up)


def _line(name: str, kind: str, value: Value, trend: Trend, y: Callable, unit: str) -> Line:
    dots, stretches, last_at = [], [], None
    for slot in trend.slots:
        if (found := value(slot)) is None:
            continue
        dot = Dot(_x(trend, slot.begins_at + SLOT / 2), y(found), f"{slot.begins_at:%H:%M} {name}: {found:.4g}{unit}")
        dots.append(dot)
        if last_at is None or slot.begins_at - last_at > SLOT:
            stretches.append([])
        stretches[-1].append(f"{dot.x},{dot.y}")
        last_at = slot.begins_at
    return Line(name, kind, [" ".join(points) for points in stretches], dots, dots[-1].y if dots else 0)


def parted(lines: list[Line]) -> list[Line]:
    """Names keep their distance from each other."""
    placed, last = [], -math.inf
    for line in sorted(lines, key=lambda line: line.label_y):
        last = max(line.label_y, last + 14)
        placed.append(line._replace(label_y=round(last, 1)))
    return placed


def _hours(trend: Trend | _Span) -> list[Tick]:
    first = trend.since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = (first + timedelta(hours=number) for number in range(24))
    return [Tick(_x(trend, moment), f"{moment:%H:%M}") for moment in found if moment.hour % 4 == 0]


def _x(trend: Trend | _Span, moment: datetime) -> float:
    share = (moment - trend.since) / (trend.until - trend.since)
    return round(LEFT + min(max(share, 0), 1) * (WIDTH - LEFT - RIGHT), 1)


def _round_up(value: float) -> float:
    """To 1, 2, 4 or 10 times a power of ten: its quarters are numbers that people read."""
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(power * step for step in (1, 2, 4, 10) if value <= power * step)


class _Span(NamedTuple):
    """As much of a trend as places need."""

    since: datetime
    until: datetime


def over_time(
    title: str,
    points: Sequence[tuple[datetime, float]],
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
    limit: float | None,
    unit: str,
) -> Chart:
    """One line of what was measured, broken where nothing was, and a straight one where too much begins."""
    span = _Span(since, until)
    highest = max([value for _, value in points] + ([limit] if limit else []), default=1)
    high = 100 if unit == "%" and highest <= 100 else _round_up(highest * 1.05)

    def y(value: float) -> float:
        return round(TOP + (high - value) / high * (HEIGHT - TOP - BOTTOM), 1)

    dots = [Dot(_x(span, at), y(value), f"{at:%H:%M} {value:.4g} {unit}".rstrip()) for at, value in points]
    stretches, last_at = [], None
    for dot, (at, _) in zip(dots, points, strict=True):
        if last_at is None or at - last_at > step * 1.5:
            stretches.append([])
        stretches[-1].append(f"{dot.x},{dot.y}")
        last_at = at
    lines = [Line("worst", "only", [" ".join(stretch) for stretch in stretches], dots, dots[-1].y if dots else 0)]
    if limit is not None:
        lines.append(Line("limit", "limit", [f"{LEFT},{y(limit)} {WIDTH - RIGHT},{y(limit)}"], [], y(limit)))
    up = [Tick(y(high * part / 4), f"{high * part / 4:g}") for part in range(5)]
    return Chart(title, _parted(lines), _hours(span), up)
