"""Conditions that somebody should hear of, as data. Each app registers its own; `rollout.alarms` looks every minute.

What is measured is the probe's; where it begins to be too much, for how long that is put up with, how urgent it is, how
Prometheus would ask, and which command takes a rollout back, stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

FIRING, OK, UNKNOWN = "firing", "ok", "unknown"
CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES = (CRITICAL, WARNING, INFO)


class Limit(NamedTuple):
    """What a measured value may be at most, or has to be at least."""

    value: float
    is_least: bool = False
    unit: str = ""

    def is_broken(self, value: float) -> bool:
        return value < self.value if self.is_least else value > self.value

    def shown(self, value: float) -> str:
        return f"{value * 100:.4g} %" if self.unit == "share" else f"{value:.4g} {self.unit}".rstrip()


def most(value: float, unit: str = "") -> Limit:
    return Limit(value, is_least=False, unit=unit)


def least(value: float, unit: str = "") -> Limit:
    return Limit(value, is_least=True, unit=unit)


class Finding(NamedTuple):
    # None where the limit decides.
    is_firing: bool | None
    words: str
    # None where too little happened to say.
    value: float | None = None


Probe = Callable[[], Finding]


class Alert(NamedTuple):
    name: str
    description: str
    probe: Probe
    severity: str = WARNING
    # How long it has to hold before it is told.
    minutes: int = 0
    limit: Limit | None = None
    # How Prometheus asks the same of /metrics; empty: it asks what was found here.
    expression: str = ""
    # The command that takes back what may have caused it.
    rollback: str = ""


class Looked(NamedTuple):
    alert: Alert
    state: str
    words: str
    value: float | None


_alerts: dict[str, Alert] = {}


def ok(words: str, value: float | None = None) -> Finding:
    return Finding(False, words, value)


def firing(words: str, value: float | None = None) -> Finding:
    return Finding(True, words, value)


def measured(value: float | None, words: str) -> Finding:
    """For the limit to judge; None is fine."""
    return Finding(None, words, value)


def register(name: str, description: str, probe: Probe, **more) -> None:
    """The probe answers with a few words: numbers and states, never a text or a phone. More: the fields of Alert."""
    if name in _alerts:
        raise ValueError(f"there is an alert {name} already")
    alert = Alert(name, description, probe, **more)
    if alert.severity not in SEVERITIES:
        raise ValueError(f"{alert.severity} is no severity")
    _alerts[name] = alert


def registered() -> list[Alert]:
    return [_alerts[name] for name in sorted(_alerts)]


def get(name: str) -> Alert | None:
    return _alerts.get(name)


def look() -> list[Looked]:
    """Every alert as it is now; one whose probe fails is `unknown`, which is no good news either."""
    return [Looked(alert, *_state(alert)) for alert in registered()]


def report() -> list[dict]:
    return [
        {"name": found.alert.name, "description": found.alert.description, "state": found.state, "words": found.words}
        for found in look()
    ]


def _state(alert: Alert) -> tuple[str, str, float | None]:
    try:
        found = alert.probe()
    except Exception as error:
        # The type alone: messages of drivers name hosts and users.
        return UNKNOWN, f"cannot be asked ({type(error).__name__})", None
    is_firing = found.is_firing
    if is_firing is None:
        is_firing = found.value is not None and alert.limit.is_broken(found.value)
    return FIRING if is_firing else OK, found.words, found.value
