"""What another app may say of a message before it stands: let it pass, hold it for review, or refuse it.

One gate is registered at most. A process remembers how it judges, with the stamp of what that was made from; the
database function that writes compares the stamp in passing. So a send asks nothing more while there is nothing to judge
by, and no process goes by rules that are no longer there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from accounts.models import User
from api import limits
from api.database import acting_as, as_owner
from events import rules
from messaging.models import GateStamp

PASS, HOLD, REFUSE = "pass", "hold", "refuse"
STALE, REFUSED, HELD = "stale", "refused", "held"
# Whoever changes rules this often in the middle of a send may wait for the error.
TRIES = 20


class Verdict(NamedTuple):
    outcome: str = PASS
    # What the gate wants to note of the message once it stands.
    remarks: Any = None


class Judge(Protocol):
    def __call__(self, content: str, event_id: UUID, by: User) -> Verdict:
        """Of a text that this person is about to say in this event; in a transaction in their name or the owner's."""

    def passes(self, content: str, event_id: UUID | None) -> bool:
        """Whether it passes whoever says it in this event, or in any; False where that would have to be asked."""


class Gate(NamedTuple):
    # How it judges as things are now; None while there is nothing to judge by. Runs as the owner.
    load: Callable[[], Judge | None]
    # What it said of a message that now stands, in the transaction that wrote it. Runs as the owner.
    settle: Callable[[UUID, Any], None]


class Known(NamedTuple):
    stamp: UUID | None
    judge: Judge | None


_gate: Gate | None = None
# Without a stamp there has never been anything to judge by.
_known = Known(None, None)


def register(gate: Gate) -> None:
    global _gate
    _gate = gate


def through(
    write: Callable[[UUID | None, str], Any],
    *,
    message_id: UUID,
    content: str,
    place: Callable,
    event_id: UUID | None = None,
    by: User,
):
    """What `write(stamp, outcome)` answers, once it went by what the gate says now.

    `place()` names the event, or None where the person finds nothing there; then `write` says so. `event_id` is given
    where nobody needs to be asked for it.
    """
    for _ in range(TRIES):
        known = _known
        if known.judge is None or known.judge.passes(content, event_id):
            facts = write(known.stamp, PASS)
        else:
            facts = _judged(known, write, message_id, content, place, by)
        if facts.gate != STALE:
            return facts
        reload()
    raise RuntimeError("the gate's rules changed faster than a message could be judged")


def judge(content: str, *, event_id: UUID, by: User) -> Verdict:
    """What the gate says now of a text that no function with a stamp writes; the caller is in that transaction."""
    with as_owner():
        if _stamp() != _known.stamp:
            reload()
        known = _known
        return known.judge(content, event_id, by) if known.judge else Verdict()


def settle(message_id: UUID, verdict: Verdict) -> None:
    """Of a message that now stands."""
    if verdict.remarks:
        with as_owner():
            _gate.settle(message_id, verdict.remarks)


def reload() -> None:
    """The stamp first: what changes in between shows at the next look."""
    global _known
    with as_owner():
        stamp = _stamp()
        _known = Known(stamp, _gate.load() if _gate else None)


def _stamp() -> UUID | None:
    return GateStamp.objects.values_list("stamp", flat=True).first()


def refuse_if_any(facts: Any) -> None:
    """The last reason of all; to be asked after the others."""
    if facts.gate == REFUSED:
        rules.refuse(rules.CONTENT_RULE)


def _judged(known: Known, write: Callable, message_id: UUID, content: str, place: Callable, by: User):
    # Ahead of the transaction, which would stand open meanwhile.
    limits.settle(by)
    with acting_as(by):
        event_id = place()
        verdict = known.judge(content, event_id, by) if event_id else Verdict()
        facts = write(known.stamp, verdict.outcome)
        if facts.sent_at:
            settle(message_id, verdict)
        return facts
