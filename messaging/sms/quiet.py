"""Hours in which an event's members get no texts, by the clocks of its time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

Hours = tuple[time, time]


def hours_of(quiet_from: time | None, quiet_until: time | None) -> Hours | None:
    """An event's own, or those of all events."""
    return (quiet_from, quiet_until) if quiet_from is not None and quiet_until is not None else settings.SMS_QUIET_HOURS


def opens_at(hours: Hours | None, timezone: str, now: datetime) -> datetime | None:
    """When texts go out again; None where they go out now."""
    if hours is None:
        return None
    begin, end = hours
    here = now.astimezone(ZoneInfo(timezone))
    clock = here.time()
    is_quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not is_quiet:
        return None
    day = here.date() if clock < end else here.date() + timedelta(days=1)
    opening = datetime.combine(day, end, tzinfo=here.tzinfo).astimezone(UTC)
    # Where the clocks go back the same hour comes twice: the later one counts.
    return opening if opening > now else datetime.combine(day, end, tzinfo=here.tzinfo).replace(fold=1).astimezone(UTC)
