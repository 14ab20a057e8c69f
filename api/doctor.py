"""What is configured, reachable, behind or unsafe, and what to do about it: asked by an operator, on one screen.

Apps register their checks. A check answers findings, or raises, which is one too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

GOOD, NOTE, WARNING, FAULT = "good", "note", "warning", "fault"
LEVELS = (GOOD, NOTE, WARNING, FAULT)


class Finding(NamedTuple):
    level: str
    name: str
    words: str
    # What to do; empty where nothing is to be done.
    remedy: str = ""


class Section(NamedTuple):
    title: str
    findings: list[Finding]

    @property
    def worst(self) -> str:
        return max((finding.level for finding in self.findings), key=LEVELS.index, default=GOOD)


Check = Callable[[], Iterable[Finding]]
_checks: dict[str, list[Check]] = {}

# In this order, on the screen.
CONFIGURED, REACHABLE, BEHIND, SAFE = "Configured", "Reachable", "Up to date", "Safe"
TITLES = (CONFIGURED, REACHABLE, BEHIND, SAFE)


def register(title: str, check: Check) -> None:
    if title not in TITLES:
        raise ValueError(f"{title} is no section")
    _checks.setdefault(title, []).append(check)


def report() -> list[Section]:
    return [
        Section(title, [finding for check in _checks.get(title, ()) for finding in _asked(check)]) for title in TITLES
    ]


def worst(sections: Iterable[Section]) -> str:
    return max((section.worst for section in sections), key=LEVELS.index, default=GOOD)


def _asked(check: Check) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:
        # The type alone: messages of drivers name hosts and users.
        name = getattr(check, "__name__", "check").replace("_", " ")
        return [Finding(FAULT, name, f"cannot be asked ({type(error).__name__})", "Mend what is not reachable first.")]


def good(name: str, words: str) -> Finding:
    return Finding(GOOD, name, words)


def note(name: str, words: str, remedy: str = "") -> Finding:
    return Finding(NOTE, name, words, remedy)


def warning(name: str, words: str, remedy: str) -> Finding:
    return Finding(WARNING, name, words, remedy)


def fault(name: str, words: str, remedy: str) -> Finding:
    return Finding(FAULT, name, words, remedy)


def unless(is_well: bool, found: Finding, words: str) -> Finding:
    """The finding, or that all is well with what it is about."""
    return good(found.name, words) if is_well else found
