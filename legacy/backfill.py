"""What was said before the bridge stood, on both sides: in batches, each a transaction that also says where the next
one begins, so that a backfill that was killed goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from accounts.models import User
from legacy import bridge, tables
from legacy.models import Bridge
from legacy.sql import statements
from legacy.states import State

# Each with how many of its rows make a batch: a conversation stands for all of its messages. What old clients write
# goes over between two batches, so they are short.
PHASES = {"conversations": 500, "messages": 1000, "talks": 100}
FIRST = UUID(int=0)
RATE = 20_000


class Progress(NamedTuple):
    phase: str
    done: int
    total: int
    seconds: float
    # Of this run, from which the time that is left is estimated.
    done_before: int

    @property
    def left(self) -> float | None:
        so_far = self.done - self.done_before
        return (self.total - self.done) * self.seconds / so_far if so_far else None


def run(
    *,
    by: User | None = None,
    rate: int = RATE,
    anew: bool = False,
    announce: Callable[[Progress], None] = lambda progress: None,
) -> int:
    """Until it is done; answers how many rows were looked at. At most `rate` of them a second: writers go first."""
    standing = _begin(anew=anew)
    began, done_before = time.monotonic(), standing.done
    while standing.phase:
        batch_began, before = time.monotonic(), standing.done
        standing = _step(by=by)
        announce(Progress(standing.phase, standing.done, standing.total, time.monotonic() - began, done_before))
        _rest(standing.done - before, rate, time.monotonic() - batch_began)
    return standing.done


def _begin(*, anew: bool) -> Bridge:
    with transaction.atomic():
        standing = bridge.locked("backfill")
        if missing := tables.missing_triggers():
            raise bridge.Refused(f"The bridge is not whole, these triggers are missing: {', '.join(missing)}.")
        if anew or not standing.phase:
            standing.phase, standing.upto, standing.done, standing.total = next(iter(PHASES)), None, 0, _count(standing)
            standing.save()
    return standing


def _count(standing: Bridge) -> int:
    return _first(
        # An old conversation is one of Callboard's, too, by the time that these are looked at.
        "SELECT (SELECT 2 * count(*) FROM public.conversations) + (SELECT count(*) FROM public.messages)"
        " + (SELECT count(*) FROM messaging_conversation WHERE event_id = %(place)s AND kind <> 'group')",
        {"place": standing.event_id},
    )[0]


@transaction.atomic
def _step(*, by: User | None) -> Bridge:
    """One batch, with the mark behind it."""
    standing = bridge.locked("backfill")
    if not standing.phase:
        return standing
    _run("SELECT legacy_one_at_a_time()", {})
    done, upto = _batch(standing)
    if upto is None:
        _next_phase(standing, by=by)
    else:
        standing.upto, standing.done = upto, standing.done + done
        # What came in meanwhile.
        standing.total = max(standing.total, standing.done)
        standing.save(update_fields=["upto", "done", "total"])
    return standing


def _batch(standing: Bridge) -> tuple[int, UUID | None]:
    values = {"place": standing.event_id, "upto": standing.upto or FIRST, "batch": PHASES[standing.phase]}
    first, *others = statements(f"backfill_{standing.phase}")
    done, upto, *talks = _first(first, values)
    if upto is not None:
        for statement in others:
            _run(statement, {**values, "until": upto, "talks": talks[0] if talks else None})
    return done, upto


def _next_phase(standing: Bridge, *, by: User | None) -> None:
    names = [*PHASES, ""]
    standing.phase, standing.upto = names[names.index(standing.phase) + 1], None
    if standing.phase:
        standing.total = max(standing.total, standing.done)
        standing.save(update_fields=["phase", "upto", "total"])
    elif standing.state == State.ATTACHED:
        bridge.move(standing, "backfill", by=by, total=standing.done)
    else:
        standing.save(update_fields=["phase", "upto"])


def _rest(done: int, rate: int, taken: float) -> None:
    if rate and (wanted := done / rate) > taken:
        time.sleep(wanted - taken)


def _first(statement: str, values: dict[str, Any]) -> tuple:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


def _run(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
