"""The steps of leaving the old tables behind: each looks where the bridge stands, and says why where it may not.

Whatever changes a table asks for its lock for a short time only, gives everything back where others hold it, and tries
again: whoever writes waits behind it for half a second at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from events.models import Event
from legacy import tables, triggers
from legacy.models import Bridge
from legacy.states import STANDING, TRANSITIONS, State

LOCK_TIMEOUT_MS = 500
ATTEMPTS = 60
LONGEST_PAUSE_SECONDS = 2.0
# lock_not_available, deadlock_detected
_HELD_ELSEWHERE = ("55P03", "40P01")

Announce = Callable[[str], None]

_WHY_NOT = {
    "attach": {
        State.RETIRED: "the old tables were retired; there is nothing left to attach",
        None: "it is attached already",
    },
    "backfill": {
        State.DETACHED: "nothing is attached: attach first",
        State.CUT_OVER: "the old tables are read-only since the cutover; rollback undoes that",
        State.RETIRED: "the old tables were retired",
    },
    "verify": {
        State.DETACHED: "nothing is attached: attach first",
        State.RETIRED: "the old tables were retired; there is nothing to compare with",
    },
    "cutover": {
        State.DETACHED: "nothing is attached: attach first",
        State.ATTACHED: "what was said before is not all on both sides: backfill first",
        State.BACKFILLED: "nobody has compared both sides since, or they differ: verify first",
        State.CUT_OVER: "it is cut over already",
        State.RETIRED: "the old tables were retired",
    },
    "rollback": {
        State.DETACHED: "nothing is attached: there is no step to undo",
        State.RETIRED: "the old tables were retired; there is no way back",
    },
    "retire": {
        State.DETACHED: "nothing is attached; only what was cut over is retired",
        State.RETIRED: "it is retired already",
        None: "the old tables are still written to: cut over first",
    },
}


class Refused(Exception):
    """A step that may not be taken now; says why. Nothing was changed."""


def find() -> Bridge:
    return Bridge.objects.first() or Bridge()


def check(step: str, bridge: Bridge) -> None:
    reasons = _WHY_NOT[step]
    allowed = STANDING if step == "verify" else STANDING[:3] if step == "backfill" else TRANSITIONS[step]
    if bridge.state not in allowed:
        why = reasons.get(bridge.state, reasons.get(None))
        raise Refused(f"The bridge is {bridge.state}; {why}.")


def attach(event: Event, *, by: User | None = None, announce: Announce | None = None) -> None:
    """From here on both sides are in step; what was said before follows with the backfill."""

    def work() -> None:
        bridge = locked("attach")
        if reason := tables.against_attaching(event.id):
            raise Refused(reason)
        # In the order in which a start takes them.
        _lock("public.conversations", "public.messages", "messaging_participant", "messaging_message")
        try:
            tables.rehearse()
        except DatabaseError as error:
            if _is_held_elsewhere(error):
                raise
            raise Refused(f"The old tables do not take what the bridge writes: {_said(error)}") from error
        _run(*triggers.dropped(triggers.OLD_SIDE + triggers.NEW_SIDE + triggers.READ_ONLY))
        _run(*_LEFT_BEHIND, *triggers.made(event.id), *triggers.way_around(event.id))
        move(bridge, "attach", by=by, event_id=event.id, phase="", upto=None, done=0, **_NOTHING_COMPARED)

    _patiently(work, announce)


_NOTHING_COMPARED = {"verify_phase": "", "verified_upto": None, "compared": 0, "differences": 0, "verified_at": None}


# What an earlier bridge noted and the old side has changed since.
_LEFT_BEHIND = (
    "DELETE FROM legacy_link WHERE NOT EXISTS (SELECT FROM public.conversations old WHERE old.id = old_id)",
    "UPDATE legacy_link SET is_main = true WHERE old_id IN (SELECT min(known.old_id::text)::uuid"
    " FROM legacy_link known GROUP BY known.new_id HAVING NOT bool_or(known.is_main))",
    "DELETE FROM legacy_tombstone WHERE EXISTS (SELECT FROM public.messages old WHERE old.id = message_id)",
    "DELETE FROM legacy_debt",
    "DELETE FROM legacy_difference",
)


def cutover(*, by: User | None = None, announce: Announce | None = None) -> None:
    """The old tables become read-only for all but the bridge, which goes on telling them what is said."""

    def work() -> None:
        bridge = locked("cutover")
        _check_whole()
        # These alone: whoever sends has messaging's in hand already, and waits for these.
        _lock("public.conversations", "public.messages")
        _run(*triggers.read_only(), *triggers.new_way_only(bridge.event_id))
        move(bridge, "cutover", by=by)

    _patiently(work, announce)


def rollback(*, by: User | None = None, announce: Announce | None = None) -> str:
    """Undoes the last step; answers where the bridge stands then."""
    bridge = find()
    check("rollback", bridge)
    if bridge.state == State.CUT_OVER:
        _patiently(lambda: _open_again(by=by), announce)
    else:
        # Two transactions: whoever writes on one side goes on to the other, so both at once would wait in a circle.
        _patiently(_leave_new_side, announce)
        _patiently(lambda: _leave_old_side(by=by), announce)
    return find().state


def retire(*, by: User | None = None, announce: Announce | None = None) -> None:
    """Everything old goes, for good; what is left is the row that says so."""
    check("retire", find())
    _patiently(_leave_new_side, announce)
    _patiently(lambda: _drop_all(by=by), announce)


def _open_again(*, by: User | None) -> None:
    bridge = locked("rollback")
    _check_whole()
    _lock("public.conversations", "public.messages")
    _run(*triggers.dropped(triggers.READ_ONLY), *triggers.way_around(bridge.event_id))
    move(bridge, "rollback", by=by)


def _leave_new_side() -> None:
    _lock("messaging_participant", "messaging_message")
    _run(*triggers.dropped(triggers.NEW_SIDE), *triggers.no_way_around())


def _leave_old_side(*, by: User | None) -> None:
    bridge = locked("rollback")
    _lock("public.conversations", "public.messages")
    _run(*triggers.dropped(triggers.OLD_SIDE + triggers.READ_ONLY))
    move(bridge, "rollback", by=by, detached_at=timezone.now())


def _drop_all(*, by: User | None) -> None:
    bridge = locked("retire")
    _run("DROP TABLE IF EXISTS legacy_link, legacy_tombstone, legacy_debt, legacy_difference")
    # Their triggers go with them, and the functions that name their rows.
    _run("DROP TABLE IF EXISTS public.messages, public.conversations CASCADE")
    move(bridge, "retire", by=by)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND proname LIKE 'legacy\\_%%'"
        )
        names = [name for (name,) in cursor.fetchall()]
    _run(*(f"DROP FUNCTION IF EXISTS {name} CASCADE" for name in names))


def settle_debts() -> int:
    """What was passed over because somebody held an old row; tells how much is still owed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT legacy_one_at_a_time()")
        cursor.execute(
            "SELECT legacy_settle_debt(owed.message_id) FROM"
            " (SELECT DISTINCT message_id FROM legacy_debt ORDER BY message_id) owed"
        )
        cursor.execute("SELECT count(DISTINCT message_id) FROM legacy_debt")
        return cursor.fetchone()[0]


def _check_whole() -> None:
    """A step that was broken off half way, or somebody who took a trigger away."""
    missing = tables.missing_triggers()
    if missing:
        raise Refused(f"The bridge is not whole, these triggers are missing: {', '.join(missing)}. Roll back.")
    if owed := settle_debts():
        raise Refused(f"{owed} old messages are held by somebody, and not in step yet. Try again.")


def locked(step: str) -> Bridge:
    Bridge.objects.bulk_create([Bridge()], ignore_conflicts=True)
    bridge = Bridge.objects.select_for_update().get()
    check(step, bridge)
    return bridge


def move(bridge: Bridge, step: str, *, by: User | None = None, **values: Any) -> None:
    """Along TRANSITIONS, in the transaction of the deed; the database refuses anything else."""
    was, bridge.state = bridge.state, TRANSITIONS[step][bridge.state]
    bridge.changed_at = timezone.now()
    for name, value in values.items():
        setattr(bridge, name, value)
    bridge.save()
    audit.record(
        by=by,
        action="legacy_moved",
        target=bridge,
        event_id=bridge.event_id,
        step=step,
        state=[str(was), str(bridge.state)],
    )


def _patiently(work: Callable[[], None], announce: Announce | None) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                _run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")
                return work()
        except OperationalError as error:
            if not _is_held_elsewhere(error) or connection.in_atomic_block:
                raise
        if announce:
            announce(f"attempt {attempt} of {ATTEMPTS}: somebody else holds a lock")
        time.sleep(min(0.05 * 2**attempt, LONGEST_PAUSE_SECONDS))
    raise Refused(f"Others held a lock {ATTEMPTS} times. Look for long transactions in pg_stat_activity.")


def _is_held_elsewhere(error: DatabaseError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in _HELD_ELSEWHERE


def _said(error: DatabaseError) -> str:
    """Its first line; the others quote rows."""
    return str(error).splitlines()[0]


def _lock(*names: str) -> None:
    for name in names:
        _run(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def attached_event() -> UUID | None:
    bridge = find()
    return bridge.event_id if bridge.state in STANDING else None
