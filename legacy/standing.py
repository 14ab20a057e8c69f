"""How things stand, for whoever asks: in words, and as figures."""

from __future__ import annotations

from django.db import connection

from events.models import Event
from legacy import bridge, tables
from legacy.states import STANDING, State
from rollout import flags, names
from rollout.models import Flag

_OWED = "SELECT count(DISTINCT message_id) FROM legacy_debt"
_PLACEHOLDERS = "SELECT count(*) FROM accounts_user WHERE username LIKE 'legacy-%' AND NOT is_active"


def lines() -> list[tuple[str, str]]:
    found = bridge.find()
    event = Event.objects.filter(id=found.event_id).first() if found.event_id else None
    told = [("state", found.state), ("event", event.slug if event else "–")]
    if found.state in STANDING:
        told += _of_a_standing_bridge(found)
    return told


def _of_a_standing_bridge(found) -> list[tuple[str, str]]:
    missing = tables.missing_triggers()
    return [
        ("triggers", f"missing: {', '.join(missing)}" if missing else "all in place"),
        ("backfill", _backfill(found)),
        ("compared", _compared(found)),
        ("owed", f"{_number(_OWED)} old messages were held when something changed"),
        ("placeholders", f"{placeholders()} people nobody here knows"),
        ("messaging_v2", _flag(found)),
    ]


def _backfill(found) -> str:
    if found.phase:
        return f"at {found.phase}, {found.done:,} of {found.total:,} rows"
    return "not begun" if found.state == State.ATTACHED else f"done, {found.done:,} rows"


def _compared(found) -> str:
    if found.verify_phase:
        return f"at {found.verify_phase}, {found.compared:,} rows"
    if found.verified_at is None:
        return "never"
    return f"{found.verified_at:%Y-%m-%d %H:%M} UTC, {found.compared:,} rows, {found.differences:,} differences"


def _flag(found) -> str:
    if found.state == State.CUT_OVER:
        return "moot: since the cutover everybody's starts and sends go to the new tables"
    return f"{flags.reach(Flag.get(names.MESSAGING_V2)):.1f} % start and send by the new tables, and those it names"


def placeholders() -> int:
    return _number(_PLACEHOLDERS)


def _number(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]
