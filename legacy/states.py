"""Where the bridge may go from where. The database holds it too (legacy_check_move), and a test compares the two."""

from __future__ import annotations

from legacy.models import Bridge

State = Bridge.State

_STANDING = (State.ATTACHED, State.BACKFILLED, State.VERIFIED)

# Each step, from where to where. docs/legacy-states.svg is made from it. A backfill can be run again in any of the
# three; a comparison that finds something takes a verified bridge back.
TRANSITIONS: dict[str, dict[str, str]] = {
    "attach": {State.DETACHED: State.ATTACHED},
    "backfill": {State.ATTACHED: State.BACKFILLED},
    "verify": {State.BACKFILLED: State.VERIFIED},
    "differ": {State.VERIFIED: State.BACKFILLED},
    "cutover": {State.VERIFIED: State.CUT_OVER},
    "rollback": {State.CUT_OVER: State.VERIFIED, **dict.fromkeys(_STANDING, State.DETACHED)},
    "retire": {State.CUT_OVER: State.RETIRED},
}
BEGINNINGS = (State.DETACHED,)

# Both sides are written to; while it is cut over, only the new one is.
STANDING = (*_STANDING, State.CUT_OVER)


def moves() -> set[tuple[str, str]]:
    return {(str(begin), str(end)) for step in TRANSITIONS.values() for begin, end in step.items()}
