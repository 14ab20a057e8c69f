"""Columns and lines over days as SVG, drawn here so that a page needs no script; each mark leads to what it counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 24
GAP = 0.28


class Mark(NamedTuple):
    kind: str
    x: float
    y: float
    width: float
    height: float
    says: str
    href: str | None


class Tick(NamedTuple):
    at: float
    label: str


class Legend(NamedTuple):
    kind: str
    label: str
    total: str


class Chart(NamedTuple):
    title: str
    marks: list[Mark]
    across: list[Tick]
    up: list[Tick]
    legend: list[Legend]
    lines: list[tuple[str, str]] = []
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM

    @property
    def is_empty(self) -> bool:
        return not self.marks


class Part(NamedTuple):
    value: float
    says: str
    href: str | None = None


def stacked(title: str, columns: Sequence[tuple[str, Mapping[str, Part]]], kinds: Mapping[str, str]) -> Chart:
    """A column for each label, made of its kinds from the bottom up."""
    top = _round_up(max((sum(part.value for part in parts.values()) for _, parts in columns), default=0))
    marks, slot = [], _slot(columns)
    for place, (_, parts) in enumerate(columns):
        floor = 0.0
        for kind in kinds:
            part = parts.get(kind)
            if not part or not part.value:
                continue
            high = _y(floor + part.value, top)
            height = max(_y(floor, top) - high, 1.5)
            x = round(LEFT + slot * (place + GAP / 2), 1)
            marks.append(Mark(kind, x, high, round(slot * (1 - GAP), 1), round(height, 1), part.says, part.href))
            floor += part.value
    totals = {kind: sum(parts[kind].value for _, parts in columns if kind in parts) for kind in kinds}
    legend = [Legend(kind, label, f"{totals[kind]:,.0f}") for kind, label in kinds.items() if totals[kind]]
    return Chart(title, marks, _across(columns, slot), _up(top), legend)


def dotted(title: str, columns: Sequence[tuple[str, Mapping[str, Part]]], kinds: Mapping[str, str], unit: str) -> Chart:
    """A line for each kind, with a dot where there is a value."""
    values = [part.value for _, parts in columns for part in parts.values()]
    top = _round_up(max(values, default=0))
    marks, lines, slot = [], [], _slot(columns)
    for kind in kinds:
        points = []
        for place, (_, parts) in enumerate(columns):
            if part := parts.get(kind):
                x, y = round(LEFT + slot * (place + 0.5), 1), _y(part.value, top)
                marks.append(Mark(kind, x - 4, y - 4, 8, 8, part.says, part.href))
                points.append(f"{x},{y}")
        lines.append((kind, " ".join(points)))
    latest = {kind: next((parts[kind] for _, parts in reversed(columns) if kind in parts), None) for kind in kinds}
    legend = [
        Legend(kind, label, f"{_plain(latest[kind].value)} {unit}") for kind, label in kinds.items() if latest[kind]
    ]
    return Chart(title, marks, _across(columns, slot), _up(top), legend, lines)


def _slot(columns: Sequence) -> float:
    return (WIDTH - LEFT - RIGHT) / max(len(columns), 1)


def _across(columns: Sequence[tuple[str, object]], slot: float) -> list[Tick]:
    """As many labels as can be read."""
    step = math.ceil(len(columns) / 7) or 1
    return [
        Tick(round(LEFT + slot * (place + 0.5), 1), label)
        for place, (label, _) in enumerate(columns)
        if (len(columns) - 1 - place) % step == 0
    ]


def _up(top: float) -> list[Tick]:
    parts = 4 if top >= 4 else max(int(top), 1)
    return [Tick(_y(top * part / parts, top), _short(top * part / parts)) for part in range(parts + 1)]


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _y(value: float, top: float) -> float:
    return round(TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM), 1)


def _round_up(value: float) -> float:
    """To a number whose quarters people read."""
    if value <= 4:
        return max(math.ceil(value), 1)
    power = 10 ** math.floor(math.log10(value / 4))
    return next(4 * power * step for step in (1, 2, 3, 4, 5, 6, 8, 10) if value <= 4 * power * step)


def _plain(value: float) -> str:
    return "under 1" if value < 1 else f"{value:,.0f}"
