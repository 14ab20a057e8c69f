"""Where a text may go from where. The database holds it too (messaging_text_may_move), and a test compares the two."""

from __future__ import annotations

from messaging.sms.models import Text

State = Text.State

_BEFORE = (State.QUEUED, State.SENDING, State.UNKNOWN)
_UNSETTLED = (*_BEFORE, State.SENT)

# Each step, from where to where. docs/texts-states.svg is made from it. A callback may find a text anywhere: it can
# come before the answer to the call, and long after a call that nobody knew the end of.
TRANSITIONS: dict[str, dict[str, str]] = {
    "claim": {State.QUEUED: State.SENDING},
    "wait": {State.SENDING: State.QUEUED},
    "lose sight": {State.SENDING: State.UNKNOWN},
    "repeat": {State.UNKNOWN: State.QUEUED},
    "accept": dict.fromkeys(_BEFORE, State.SENT),
    "deliver": dict.fromkeys(_UNSETTLED, State.DELIVERED),
    "miss": dict.fromkeys(_UNSETTLED, State.UNDELIVERED),
    "fail": dict.fromkeys(_UNSETTLED, State.FAILED),
    "suppress": dict.fromkeys(_UNSETTLED, State.SUPPRESSED),
}

BEGINNINGS = (State.QUEUED,)
ENDS = (State.DELIVERED, State.UNDELIVERED, State.FAILED, State.SUPPRESSED)


def moves() -> set[tuple[str, str]]:
    return {(str(begin), str(end)) for step in TRANSITIONS.values() for begin, end in step.items()}
