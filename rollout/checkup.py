"""What the doctor looks at of alarms: those that fire now are his business, too."""

from __future__ import annotations

from collections.abc import Iterator

from api.doctor import Finding, fault, good, warning
from rollout import alarms, alerts
from rollout.models import Alarm


def firing() -> Iterator[Finding]:
    found = Alarm.objects.filter(state=Alarm.State.FIRING)
    for alarm in found:
        tell = fault if alarm.severity == alerts.CRITICAL else warning
        yield tell(f"alarm {alarm.name}", alarm.words, f"See {alarms.runbook_of(alarm.name)}")
    if not found:
        yield good("alarms", "none fires")
