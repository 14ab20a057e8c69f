"""Where cases and appeals stand, and the steps that move them; the diagrams in docs/ are made from these."""

from __future__ import annotations

from collections.abc import Mapping

from api.errors import InvalidState
from moderation.models import Appeal, Case

Status = Case.Status

# Each step, from where to where; anything else is `invalid_state`. Who decides a pending case claims it first.
TRANSITIONS: dict[str, dict[str, str]] = {
    "claim": {Status.PENDING: Status.REVIEWED},
    "hand_back": {Status.REVIEWED: Status.PENDING},
    "action": {Status.REVIEWED: Status.ACTIONED},
    "dismiss": {Status.REVIEWED: Status.DISMISSED},
    "reopen": {Status.ACTIONED: Status.PENDING, Status.DISMISSED: Status.PENDING},
}
BEGINNINGS = (Status.PENDING,)
OPEN = (Status.PENDING, Status.REVIEWED)

APPEAL_TRANSITIONS: dict[str, dict[str, str]] = {
    "grant": {Appeal.Status.PENDING: Appeal.Status.GRANTED},
    "reject": {Appeal.Status.PENDING: Appeal.Status.REJECTED},
}
APPEAL_BEGINNINGS = (Appeal.Status.PENDING,)


def after(step: str, before: str, transitions: Mapping[str, Mapping[str, str]] = TRANSITIONS) -> str:
    """Where the step leads from there; raises InvalidState where it leads nowhere."""
    if before not in transitions[step]:
        raise InvalidState(str(before))
    return transitions[step][before]
