"""Conditions that somebody should hear of. Each app registers its own; whoever watches asks `report`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

FIRING, OK, UNKNOWN = "firing", "ok", "unknown"


class Finding(NamedTuple):
    is_firing: bool
    words: str


Probe = Callable[[], Finding]


class Alert(NamedTuple):
    name: str
    description: str
    probe: Probe


_alerts: dict[str, Alert] = {}


def ok(words: str) -> Finding:
    return Finding(False, words)


def firing(words: str) -> Finding:
    return Finding(True, words)


def register(name: str, description: str, probe: Probe) -> None:
    """The probe answers `ok(…)` or `firing(…)` with a few words: numbers and states, never a text or a phone."""
    if name in _alerts:
        raise ValueError(f"there is an alert {name} already")
    _alerts[name] = Alert(name, description, probe)


def report() -> list[dict]:
    """Every alert as it is now; one whose probe fails is `unknown`, which is no good news either."""
    return [
        {"name": alert.name, "description": alert.description, **_state(alert)} for alert in sorted(_alerts.values())
    ]


def _state(alert: Alert) -> dict:
    try:
        found = alert.probe()
    except Exception as error:
        # The type alone: messages of drivers name hosts and users.
        return {"state": UNKNOWN, "words": f"cannot be asked ({type(error).__name__})"}
    return {"state": FIRING if found.is_firing else OK, "words": found.words}
