"""Deciding a case: what was found, and everything that follows from it, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from django.utils import timezone

from accounts.models import User
from api.database import acting_as, as_owner
from api.errors import InvalidState
from messaging import messages
from messaging.models import Message
from moderation import access, cases, sanctions
from moderation.models import SANCTIONS, Case, Decision
from moderation.states import Status


class Action(TypedDict, total=False):
    type: str
    # Of a mute or a suspension.
    hours: int


def decide(
    found: access.FoundCase, *, decision: str, actions: Sequence[Action] = (), note: str = "", version: int, by: User
) -> Case:
    """By the version that was looked at; who has not claimed it does so by deciding."""
    actions = [dict(action) for action in actions]
    with acting_as(by):
        access.refuse_bystander(found.me, by=by)
        with as_owner():
            now = timezone.now()
            case = cases.lock(found.case)
            _check(case, version, by=by)
            if case.status == Status.PENDING:
                cases.take(case, by=by, now=now)
            made = Decision.objects.create(
                case=case, decision=decision, actions=actions, note=note, evidence_id=case.evidence_id, moderator=by,
                created_at=now,
            )  # fmt: skip
            cases.close(case, decision, actions, by=by, now=now)
            done = [action["type"] for action in actions]
            cases.record("case_decided", case, by=by, decision=decision, decision_id=made.id, actions=done)
        for action in actions:
            _DEEDS[action["type"]](case, made, action, by)
        with as_owner():
            cases.tell_reporters(case)
    return case


def _check(case: Case, version: int, *, by: User) -> None:
    is_anothers = case.status == Status.REVIEWED and case.claimed_by_id != by.id
    if case.decision or is_anothers or case.version != version:
        raise InvalidState(case.status)


# --- What can follow -------------------------------------------------------------------------

Deed = Callable[[Case, Decision, Action, User], None]


def _remove_message(case: Case, made: Decision, action: Action, by: User) -> None:
    """Where it is out of sight already, that is what was wanted."""
    if _message(case).deleted_by_kind is None:
        messages.remove(case.message_id, reason=made.note or "Decided in a case.", by=by)


def _restore_message(case: Case, made: Decision, action: Action, by: User) -> None:
    """Others see it: what was removed comes back, what is held goes out. A sender's own delete is final."""
    message = _message(case)
    if message.deleted_by_kind == Message.Deleter.SENDER:
        raise InvalidState("deleted")
    if message.deleted_by_kind == Message.Deleter.MODERATOR:
        messages.restore(case.message_id, by=by)
    elif message.held_at:
        messages.release(case.message_id, by=by)


def _sanction(case: Case, made: Decision, action: Action, by: User) -> None:
    with as_owner():
        sanctions.impose(case, made, action["type"], hours=action.get("hours"), by=by)


_DEEDS: dict[str, Deed] = {
    "remove_message": _remove_message,
    "restore_message": _restore_message,
    **dict.fromkeys(SANCTIONS, _sanction),
}


def _message(case: Case) -> Message:
    """The case's lock holds it still."""
    with as_owner():
        return Message.objects.only("deleted_by_kind", "held_at").get(id=case.message_id)
