"""What was found beside what is promised, and what would be better still."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

FORMATS = {
    "share": lambda value: f"{value:.0%}".replace("%", " %"),
    "ms": lambda value: f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms",
    "s": lambda value: f"{value:.1f} s",
    "times": lambda value: f"{value:.2f}×",
    "number": lambda value: f"{value:,.0f}",
    "kB": lambda value: f"{value:.1f} kB",
}
BEYOND, KEPT, MISSED, TOLD = "kept, and beyond", "kept", "not kept", ""


@dataclass(frozen=True)
class Promise:
    """`bar` is what is promised and `beyond` what would be better still; without a bar the figure is told, no more."""

    name: str
    found: float
    unit: str
    bar: float | None = None
    beyond: float | None = None
    # The more the better; otherwise the less.
    is_floor: bool = False
    # Whatever the figure: something failed or was lost.
    is_broken: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.is_broken:
            return MISSED
        if self.beyond is not None and self._reaches(self.beyond):
            return BEYOND
        if self.bar is None:
            return TOLD
        return KEPT if self._reaches(self.bar) else MISSED

    @property
    def margin(self) -> float | None:
        """How many times as good as promised."""
        bar = self.bar if self.bar is not None else self.beyond
        if not bar or not self.found:
            return None
        return self.found / bar if self.is_floor else bar / self.found

    def _reaches(self, level: float) -> bool:
        return self.found >= level if self.is_floor else self.found <= level

    def told(self) -> str:
        return FORMATS[self.unit](self.found) + (f" ({self.note})" if self.note else "")

    def level(self, level: float | None) -> str:
        if not level:
            return "" if level is None else "none"
        return f"{'≥' if self.is_floor else '≤'} {FORMATS[self.unit](level)}"


@dataclass(frozen=True)
class Outcome:
    """`is_whole`: everything was answered as it should be, and is there. How fast it was is no part of that."""

    is_whole: bool
    promises: list[Promise] = field(default_factory=list)

    def as_json(self) -> dict:
        return {"is_whole": self.is_whole, "promises": [asdict(promise) for promise in self.promises]}


def outcome(*promises: Promise, is_whole: bool) -> Outcome:
    """Prints them."""
    print(f"\n{'':<58}{'found':>26}{'promised':>14}{'beyond':>14}")
    for promise in promises:
        levels = f"{promise.level(promise.bar):>14}{promise.level(promise.beyond):>14}"
        print(f"{promise.name:<58}{promise.told():>26}{levels}  {promise.verdict}")
    return Outcome(is_whole, list(promises))
