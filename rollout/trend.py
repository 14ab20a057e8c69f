"""What the kept comparisons say of the last hours: in one statement, by comparison_at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

SLOT = timedelta(minutes=30)
SHOWN = timedelta(hours=24)

# Percentiles of what a slot holds are beyond the ORM. The empty grouping set is the line for the whole time.
_STATEMENT = """
    SELECT date_bin(%(slot)s, at, 'epoch'), count(*), sum(in_both), sum(mismatches), sum(explained), sum(only_v2),
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY v1_ms),
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY v2_ms)
    FROM rollout_comparison
    WHERE at >= %(since)s
    GROUP BY GROUPING SETS ((1), ())
    ORDER BY 1 NULLS LAST
"""


class Slot(NamedTuple):
    """What was compared in half an hour, or, where it has no beginning, in all of the time that is shown."""

    begins_at: datetime | None
    comparisons: int
    in_both: int
    mismatches: int
    explained: int
    only_v2: int
    # The median, and what all but one in twenty stay under; in milliseconds.
    v1_ms: list[float] | None
    v2_ms: list[float] | None

    @property
    def agreement(self) -> float | None:
        """Of the messages that both models should show, how many per cent both do."""
        expected = self.in_both + self.mismatches
        return 100 * self.in_both / expected if expected else None


class Trend(NamedTuple):
    since: datetime
    until: datetime
    slots: list[Slot]
    whole: Slot


def of_last_day() -> Trend:
    until = timezone.now()
    since = until - SHOWN
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, {"slot": SLOT, "since": since})
        *slots, whole = [Slot(*_counted(row)) for row in cursor.fetchall()]
    return Trend(since, until, slots, whole)


def _counted(row: tuple) -> tuple:
    begins_at, comparisons, *sums, v1_ms, v2_ms = row
    return begins_at, comparisons, *(int(found or 0) for found in sums), v1_ms, v2_ms
