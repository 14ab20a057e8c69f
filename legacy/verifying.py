"""Both sides compared, while people write: range by range, each in one snapshot, and kept, so that a comparison that
was broken off goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from legacy import bridge
from legacy.models import Bridge
from legacy.sql import statements
from legacy.states import State

PHASES = {"conversations": 5000, "messages": 5000, "talks": 500}
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


class Difference(NamedTuple):
    subject: str
    id: UUID
    what: str


def run(
    *, by: User | None = None, anew: bool = False, announce: Callable[[Bridge], None] = lambda standing: None
) -> int:
    """Until all is compared; answers how many differences there are. `find` lists them."""
    bridge.check("verify", bridge.find())
    bridge.settle_debts()
    standing = _begin(anew=anew)
    while standing.verify_phase:
        standing = _step(by=by)
        announce(standing)
    return standing.differences


def find(limit: int = 100) -> list[Difference]:
    return [
        Difference(*row)
        for row in _rows(
            "SELECT subject, id, what FROM legacy_difference ORDER BY subject DESC, what, id LIMIT %(limit)s",
            {"limit": limit},
        )
    ]


def counts() -> dict[tuple[str, str], int]:
    """Of each kind, people left out."""
    found = _rows(
        "SELECT subject, regexp_replace(what, 'far .* has', 'far somebody has'), count(*) FROM legacy_difference"
        " GROUP BY 1, 2 ORDER BY 1 DESC, 2",
        {},
    )
    return {(subject, what): number for subject, what, number in found}


@transaction.atomic
def _begin(*, anew: bool) -> Bridge:
    standing = bridge.locked("verify")
    if anew or not standing.verify_phase:
        _rows("DELETE FROM legacy_difference", {})
        standing.verify_phase, standing.verified_upto, standing.compared = next(iter(PHASES)), None, 0
        standing.save()
    return standing


@transaction.atomic
def _step(*, by: User | None) -> Bridge:
    standing = bridge.locked("verify")
    if not standing.verify_phase:
        return standing
    values = {
        "place": standing.event_id,
        "upto": standing.verified_upto or FIRST,
        "batch": PHASES[standing.verify_phase],
    }
    upto, compared = (_messages if standing.verify_phase == "messages" else _others)(standing.verify_phase, values)
    standing.compared += compared
    standing.verified_upto = upto
    if upto is None:
        _next_phase(standing, by=by)
    else:
        standing.save(update_fields=["verified_upto", "compared"])
    return standing


def _messages(phase: str, values: dict[str, Any]) -> tuple[UUID | None, int]:
    bound, comparison = statements("compare_messages")
    ((upto,),) = _rows(bound, values)
    values["until"] = upto or LAST
    ((old, new, is_same),) = _rows(_with_sides(comparison), values)
    if old != new or not is_same:
        _rows(_with_sides(statements("differences_messages")[0]), values)
    return upto, max(old, new)


def _others(phase: str, values: dict[str, Any]) -> tuple[UUID | None, int]:
    ((upto, done),) = _rows(statements(f"compare_{phase}")[0], values)
    return upto, done


def _with_sides(statement: str) -> str:
    return statement.replace("{sides}", statements("compare_sides")[0])


def _next_phase(standing: Bridge, *, by: User | None) -> None:
    names = [*PHASES, ""]
    standing.verify_phase = names[names.index(standing.verify_phase) + 1]
    if standing.verify_phase:
        standing.save(update_fields=["verify_phase", "verified_upto", "compared"])
        return
    ((standing.differences,),) = _rows("SELECT count(*) FROM legacy_difference", {})
    standing.verified_at = timezone.now()
    step = {State.BACKFILLED: None if standing.differences else "verify"}
    step[State.VERIFIED] = "differ" if standing.differences else None
    if move := step.get(standing.state):
        bridge.move(standing, move, by=by)
    else:
        standing.save()


def _rows(statement: str, values: dict[str, Any]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
