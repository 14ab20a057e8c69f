"""The outbox: texts taken under a lease, looked at, let go of, and taken over from workers that are gone.

The row decides. Whoever claims writes a token of their own on it; what becomes of it is written only where the token
still stands. Each function here is one short transaction, and no call to the provider is made inside one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from psycopg.rows import namedtuple_row

from api.database import row_of
from messaging import prices, segments
from messaging.sms import crash_points, exclusions, figures, origins, quiet, spending
from messaging.sms.models import Text
from messaging.sql import statement

State = Text.State
NO_PAUSE = timedelta(0)


class Due(NamedTuple):
    """One that may be sent now, as far as was seen when it was claimed."""

    id: int
    phone: str
    content: str
    cost: Decimal
    attempts: int
    valid_until: datetime | None
    quiet: quiet.Hours | None
    timezone: str
    # The id of the call that set it off.
    request_id: str | None = None


class Result(NamedTuple):
    id: int
    state: str
    cause: str
    reason: str | None = None
    code: int | None = None
    sid: str | None = None
    # Before it is due again, or the provider is asked.
    pause: timedelta = NO_PAUSE


class Claim(NamedTuple):
    token: UUID
    taken: int
    due: list[Due]


def claim(most: int) -> Claim:
    """The next of them; those that nobody may get now are let go of at once, with the reason."""
    token = uuid4()
    with transaction.atomic():
        found = rows("claim_texts", {"most": most, "token": token, "lease": _lease()})
        crash_points.reach(crash_points.CLAIMED)
        results = [result for row in found if (result := _let_go(row))]
        results += _too_dear(found, {result.id for result in results})
        note(token, results)
    held = {result.id for result in results}
    return Claim(token, len(found), [_due(row) for row in found if row.delivery_id not in held])


def begin(due: Due, token: UUID) -> int | None:
    """The number of the call that begins with this, or None where it must not: everything is looked at again."""
    values = [due.id, token, due.phone, due.cost, _lease()]
    row = row_of("SELECT messaging_begin_text(%s, %s, %s, %s, %s) AS attempt", values)
    return row.attempt


def note(token: UUID, results: Sequence[Result]) -> int:
    """What became of these; how many of them were still ours to say."""
    if not results:
        return 0
    columns = list(zip(*sorted(results), strict=True))
    ids, states, causes, reasons, codes, sids, pauses = map(list, columns)
    values = {
        "ids": ids, "states": [str(state) for state in states], "causes": causes, "reasons": reasons, "codes": codes,
        "sids": sids, "pauses": pauses, "token": token,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement("note_texts"), values)
        noted = {text_id for (text_id,) in cursor.fetchall()}
        crash_points.reach(crash_points.BEFORE_COMMIT)
    for result in results:
        if result.id in noted:
            figures.moved(result.state, result.reason, result.code)
    return len(noted)


def keep(token: UUID, ids: Sequence[int]) -> None:
    """Longer, while the rest of the batch is under way."""
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(statement("keep_texts"), {"ids": list(ids), "token": token, "lease": _lease()})


def take_over(most: int = 1000) -> dict[str, int]:
    """From workers whose lease has run out; how many are queued again, and how many are not known of."""
    found: dict[str, int] = {}
    for row in rows("take_over_texts", {"most": most}):
        found[row.state] = found.get(row.state, 0) + 1
        figures.moved(row.state)
    return found


def is_any_due() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM messaging_text WHERE state = 'queued' AND next_at <= statement_timestamp())"
        )
        return cursor.fetchone()[0]


def _let_go(row: Any) -> Result | None:
    opening = quiet.opens_at(quiet.hours_of(row.quiet_from, row.quiet_until), row.timezone, row.at)
    is_over = row.valid_until is not None and row.valid_until <= row.at
    if reason := exclusions.against(row.reason, row.phone):
        return _suppressed(row, reason)
    if is_over:
        return _suppressed(row, exclusions.QUIET_HOURS if opening else exclusions.EXPIRED)
    if opening:
        until = min(opening, row.valid_until or opening)
        return Result(row.delivery_id, State.QUEUED, "claim", exclusions.QUIET_HOURS, pause=until - row.at)
    if row.attempts >= settings.SMS_MOST_ATTEMPTS:
        return Result(row.delivery_id, State.FAILED, "claim", "tried_too_often")
    return None


def _too_dear(claimed: list[Any], let_go: set[int]) -> list[Result]:
    """What was counted once is not counted again."""
    wishes = [
        spending.Wish(row.delivery_id, row.event_id, row.phone, _cost(row))
        for row in claimed
        if row.delivery_id not in let_go and row.cost is None
    ]
    allowed = spending.reserve(wishes, datetime.now(UTC).date())
    by_id = {row.delivery_id: row for row in claimed}
    return [_suppressed(by_id[wish.text_id], exclusions.SPEND_LIMIT) for wish in wishes if wish.text_id not in allowed]


def _suppressed(row: Any, reason: str) -> Result:
    return Result(row.delivery_id, State.SUPPRESSED, "claim", reason)


def _due(row: Any) -> Due:
    hours = quiet.hours_of(row.quiet_from, row.quiet_until)
    ways = (hours, row.timezone, origins.of(row.message_id))
    return Due(row.delivery_id, row.phone, row.content, _cost(row), row.attempts, row.valid_until, *ways)


def _cost(row: Any) -> Decimal:
    return row.cost if row.cost is not None else prices.of(row.phone) * _parts(row.content)


@lru_cache(maxsize=64)
def _parts(content: str) -> int:
    """A batch is mostly one message."""
    return segments.count(content)


def _lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def rows(name: str, values: dict) -> list[Any]:
    """Of a statement, with its columns as attributes."""
    with connection.cursor() as cursor:
        cursor.execute(statement(name), values)
        make = namedtuple_row(cursor.cursor)
        return [make(row) for row in cursor.fetchall()]
