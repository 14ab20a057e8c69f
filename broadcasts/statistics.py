"""The figures of an event: what was said on each day, whom it reached, what became of texts, what was read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from accounts.models import User
from api.database import acting_as
from broadcasts import access
from broadcasts.sql import statement
from events import rules
from events.access import Seat, access_event

DAYS = 14
# The latest ones; of each, how many it concerned and how many have read as far as it.
MOST_BROADCASTS = 12


def access_statistics(event_id: UUID, *, by: User) -> Seat:
    """For whoever sees all broadcasts of the event; raises the refusal."""
    with acting_as(by):
        seat = access_event(event_id, by=by)
    rules.refuse(None if access.sees_all(seat) else rules.ROLE)
    return seat


def of(seat: Seat, *, now: datetime | None = None) -> dict[str, Any]:
    now = now or timezone.now()
    zone = ZoneInfo(seat.event.timezone)
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    values = {
        "event_id": seat.event.id,
        "zone": seat.event.timezone,
        "since": datetime.combine(first, datetime.min.time(), zone),
        "limit": MOST_BROADCASTS,
    }
    return {
        "days": _by_day(first, _rows("messages_by_day", values)),
        "broadcasts": _rows("reads_of_broadcasts", values),
        "texts": _texts(_rows("texts_of_event", values)),
        "people": _rows("people_of_event", values)[0],
    }


def failures(message_id: UUID) -> list[dict[str, Any]]:
    """Why texts of a message did not arrive, the most frequent first."""
    return _rows("failures_of_texts", {"message_id": message_id})


def _by_day(first: date, found: list[dict]) -> list[dict]:
    """Every day stands, also one on which nobody said anything."""
    numbers = {(row["day"], row["message_type"]): row["number"] for row in found}
    return [
        {"day": day, **{kind: numbers.get((day, kind), 0) for kind in ("direct", "channel", "announcement")}}
        for day in (first + timedelta(days=place) for place in range(DAYS))
    ]


def _texts(found: list[dict]) -> dict[str, int]:
    counts = {row["state"]: row["number"] for row in found}
    delivered, failed = counts.get("delivered", 0), counts.get("failed", 0) + counts.get("undelivered", 0)
    suppressed = counts.get("suppressed", 0)
    total = sum(counts.values())
    return {
        "total": total,
        "delivered": delivered,
        "failed": failed,
        "suppressed": suppressed,
        "on_their_way": total - delivered - failed - suppressed,
    }


def _rows(name: str, values: dict[str, Any]) -> list[dict]:
    """As the owner: whoever asks has been looked at."""
    with connection.cursor() as cursor:
        cursor.execute(statement(name), values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
