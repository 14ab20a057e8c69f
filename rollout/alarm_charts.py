"""The last day of each condition as a line, with its limit; a half hour shows the worst that was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from rollout import alerts, charts
from rollout.alerts import Alert
from rollout.charts import Chart
from rollout.models import Reading

SHOWN = timedelta(hours=24)
SLOT = timedelta(minutes=30)

Point = tuple[datetime, float]


def of_last_day(*, now: datetime | None = None) -> dict[str, Chart]:
    """By the alert's name; nothing of those whose value nobody measured."""
    until = now or timezone.now()
    since = until - SHOWN
    found: dict[str, list[Point]] = {}
    for name, at, value in _readings(since):
        found.setdefault(name, []).append((at, value))
    return {
        alert.name: _chart(alert, _worst(found[alert.name], since, alert), since, until)
        for alert in alerts.registered()
        if alert.name in found
    }


def _readings(since: datetime) -> Sequence[tuple[str, datetime, float]]:
    rows = Reading.objects.filter(at__gte=since, value__isnull=False).order_by("at")
    return rows.values_list("name", "at", "value")


def _worst(points: list[Point], since: datetime, alert: Alert) -> list[Point]:
    is_least = alert.limit is not None and alert.limit.is_least
    slots: dict[int, float] = {}
    for at, value in points:
        slot = int((at - since) / SLOT)
        slots[slot] = value if slot not in slots else min(slots[slot], value) if is_least else max(slots[slot], value)
    return [(since + SLOT * slot + SLOT / 2, value) for slot, value in slots.items()]


def _chart(alert: Alert, points: list[Point], since: datetime, until: datetime) -> Chart:
    is_share = alert.limit is not None and alert.limit.unit == "share"
    scale, unit = (100, "%") if is_share else (1, alert.limit.unit if alert.limit else "")
    limit = alert.limit.value * scale if alert.limit else None
    return charts.over_time(
        alert.name.replace("_", " ") + (f", {unit}" if unit else ""),
        [(at, value * scale) for at, value in points],
        since=since,
        until=until,
        step=SLOT,
        limit=limit,
        unit=unit,
    )
