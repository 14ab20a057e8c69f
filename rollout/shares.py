"""Shares of what was counted lately, for conditions; and how Prometheus asks for the same."""

from __future__ import annotations

from collections.abc import Collection

from rollout import figures
from rollout.figures import PREFIX, Figure

# A single fault in a quiet night wakes nobody.
FEW = 5


def counted(figure: Figure, *, minutes: int, **labels: str | Collection[str]) -> float:
    """How many of a counter's in the last minutes have these labels; a label may have any of several values."""
    wanted = {name: {found} if isinstance(found, str) else set(found) for name, found in labels.items()}
    return sum(
        sample.value
        for sample in figures.recent(figure, minutes=minutes)
        if sample.suffix in ("", "_count") and all(sample.labels[name] in found for name, found in wanted.items())
    )


def of(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def percentile(figure: Figure, share: float, *, minutes: int) -> float | None:
    """The bound that so many of a histogram stay under, as far as buckets tell; None of few."""
    ends: dict[str, float] = {}
    for sample in figures.recent(figure, minutes=minutes):
        if sample.suffix == "_bucket":
            ends[sample.labels["le"]] = ends.get(sample.labels["le"], 0) + sample.value
    total = ends.pop("+Inf", 0)
    if total < FEW:
        return None
    bounds = sorted((float(end), number) for end, number in ends.items())
    return next((bound for bound, number in bounds if number >= share * total), 2 * bounds[-1][0])


def mean(figure: Figure, *, minutes: int) -> float | None:
    found = {"_sum": 0.0, "_count": 0.0}
    for sample in figures.recent(figure, minutes=minutes):
        if sample.suffix in found:
            found[sample.suffix] += sample.value
    return found["_sum"] / found["_count"] if found["_count"] >= FEW else None


# --- The same in Prometheus' words ---------------------------------------------------------------


def increase(figure: Figure, minutes: int, suffix: str = "", **labels: str) -> str:
    name = f"{PREFIX}{figure.name}{suffix or '_total'}"
    matched = ",".join(f'{label}=~"{wanted}"' for label, wanted in labels.items())
    return f"sum(increase({name}{{{matched}}}[{minutes}m]))" if matched else f"sum(increase({name}[{minutes}m]))"


def over(part: str, whole: str, most: float, few: int = FEW) -> str:
    return f"{part} / {whole} > {most:g} and {part} >= {few}"
