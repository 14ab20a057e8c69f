"""Alarms: conditions are looked at every minute, and what holds for long enough is told, until it is over.

Any number of processes may look in one minute; one notes what it found, under an advisory lock, in one transaction with
what is told of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from api import outgoing, periodic, redis, wakeups
from rollout import alerts
from rollout.alerts import Alert, Looked
from rollout.models import Alarm, AlarmMail, Reading

State = Alarm.State

# Each step, from where to where. One that is over before it was told leaves nothing but its readings.
TRANSITIONS = {"fire": {State.PENDING: State.FIRING}, "resolve": {State.FIRING: State.RESOLVED}}
BEGINNINGS = (State.PENDING,)

FIRED, RESOLVED, ACKNOWLEDGED = "alarm.fired", "alarm.resolved", "alarm.acknowledged"
TYPES = (FIRED, RESOLVED, ACKNOWLEDGED)
SEND = "rollout.tasks.send_alarm_mails"

# Two looks in a row that find nothing: one alone may be luck.
QUIET = timedelta(seconds=100)
# Of the last look, for whoever watches over the looking; and for /metrics.
STAMP = "alarms:looked_at"
RECENT = timedelta(minutes=3)


class NotNow(Exception):
    """It is not firing, or somebody has acknowledged it."""


def evaluate(*, now: datetime | None = None) -> bool:
    """Looks at every condition; whether it was this look that counts for this minute."""
    now = now or timezone.now()
    minute = now.replace(second=0, microsecond=0)
    if Reading.objects.filter(at=minute).exists():
        return False
    # Outside the transaction: a probe may wait for others, or fail.
    found = alerts.look()
    with periodic.alone("alarms") as is_alone:
        if not is_alone or Reading.objects.filter(at=minute).exists():
            return False
        _keep(found, minute)
        for looked in found:
            _note(looked, now)
        _end_unwatched({looked.alert.name for looked in found}, now)
    _stamp(now)
    return True


def acknowledge(alarm: Alarm, *, by: User, note: str = "") -> None:
    """Somebody is at it. Raises NotNow."""
    with transaction.atomic():
        waiting = Alarm.objects.filter(id=alarm.id, state=State.FIRING, acknowledged_at=None)
        values = {"acknowledged_at": timezone.now(), "acknowledged_by_id": by.id, "note": note[:500]}
        if not waiting.update(**values):
            raise NotNow
        alarm.refresh_from_db()
        audit.record(by=by, action="alarm_acknowledged", target=alarm, name=alarm.name)
        outgoing.tell(ACKNOWLEDGED, data_of(alarm))


def open_ones() -> dict[str, Alarm]:
    return {alarm.name: alarm for alarm in Alarm.objects.exclude(state=State.RESOLVED)}


def broken() -> dict[tuple[str], float]:
    """By the last look, for Prometheus; nothing where nobody has looked lately."""
    last = Reading.objects.filter(at__gte=timezone.now() - RECENT).order_by("-at").values_list("at", flat=True).first()
    found = Reading.objects.filter(at=last).exclude(state=alerts.UNKNOWN) if last else ()
    return {(reading.name,): float(reading.state == alerts.FIRING) for reading in found}


def looked_at() -> float:
    """As Unix time; 0 where it is not known."""
    return float(redis.client().get(STAMP) or 0)


def runbook_of(name: str) -> str:
    return f"{settings.RUNBOOK_URL}#{name}"


def data_of(alarm: Alarm) -> dict[str, Any]:
    alert = alerts.get(alarm.name)
    return {
        "alarm_id": alarm.id,
        "name": alarm.name,
        "severity": alarm.severity,
        "state": alarm.state,
        "summary": alert.description if alert else "",
        "words": alarm.words,
        "value": alarm.value,
        "began_at": alarm.began_at,
        "fired_at": alarm.fired_at,
        "resolved_at": alarm.resolved_at,
        "acknowledged_at": alarm.acknowledged_at,
        "runbook": runbook_of(alarm.name),
        "rollback": alert.rollback if alert else "",
    }


# --- One look ------------------------------------------------------------------------------------


def _keep(found: Sequence[Looked], minute: datetime) -> None:
    Reading.objects.bulk_create(
        [Reading(at=minute, name=looked.alert.name, state=looked.state, value=looked.value) for looked in found]
    )


def _note(looked: Looked, now: datetime) -> None:
    """One that cannot be asked now stays as it was: another alarm tells that it cannot."""
    alarm = Alarm.objects.exclude(state=State.RESOLVED).filter(name=looked.alert.name).first()
    if looked.state == alerts.FIRING:
        alarm = _seen(alarm, looked, now)
        if alarm.state == State.PENDING and now - alarm.began_at >= timedelta(minutes=looked.alert.minutes):
            _move(alarm, "fire", fired_at=now)
    elif looked.state == alerts.OK and alarm:
        _not_seen(alarm, now)


def _seen(alarm: Alarm | None, looked: Looked, now: datetime) -> Alarm:
    values = {"words": looked.words, "value": looked.value, "seen_at": now}
    if alarm is None:
        alert: Alert = looked.alert
        return Alarm.objects.create(name=alert.name, severity=alert.severity, began_at=now, **values)
    Alarm.objects.filter(id=alarm.id).update(**values)
    alarm.refresh_from_db()
    return alarm


def _not_seen(alarm: Alarm, now: datetime) -> None:
    if alarm.state == State.PENDING:
        alarm.delete()
    elif now - alarm.seen_at >= QUIET:
        _move(alarm, "resolve", resolved_at=now)


def _end_unwatched(watched: set[str], now: datetime) -> None:
    """What is no condition any more would stay for ever."""
    for alarm in Alarm.objects.exclude(state=State.RESOLVED).exclude(name__in=watched):
        _not_seen(alarm, max(now, alarm.seen_at + QUIET))


def _move(alarm: Alarm, step: str, **values: Any) -> None:
    alarm.state = TRANSITIONS[step][State(alarm.state)]
    for name, value in values.items():
        setattr(alarm, name, value)
    alarm.save(update_fields=["state", *values])
    kind, type_ = {
        "fire": (AlarmMail.Kind.FIRED, FIRED),
        "resolve": (AlarmMail.Kind.RESOLVED, RESOLVED),
    }[step]
    AlarmMail.objects.create(alarm=alarm, kind=kind)
    outgoing.tell(type_, data_of(alarm))
    wakeups.after_commit(SEND)


def _stamp(now: datetime) -> None:
    try:
        redis.client().set(STAMP, repr(now.timestamp()), ex=86_400)
    except redis.RedisError:
        # Whoever watches over the looking asks the database then.
        return
