"""Asking for help, and moving a request along."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from django.utils import timezone

from accounts import audit
from accounts.models import User
from api.database import acting_as
from api.errors import InvalidState
from events import rules
from events.access import Seat
from events.models import HelpRequest

Status = HelpRequest.Status

# Every move is allowed: people close, think again, and open anew.
TRANSITIONS: dict[str, frozenset[str]] = {
    Status.OPEN: frozenset({Status.IN_PROGRESS, Status.CLOSED}),
    Status.IN_PROGRESS: frozenset({Status.OPEN, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.OPEN, Status.IN_PROGRESS}),
}

Conversations = Callable[[User, Collection[UUID]], dict[UUID, UUID]]
_conversations: Conversations | None = None


def register_conversations(provider: Conversations) -> None:
    """The app that keeps conversations says which of them the person has about each of these help requests."""
    global _conversations
    _conversations = provider


def my_conversations(user: User, help_requests: Collection[HelpRequest]) -> dict[UUID, UUID]:
    """Help request's id to conversation's id, for those where there is one; one look-up for all."""
    if not (_conversations and help_requests):
        return {}
    return _conversations(user, [help_request.id for help_request in help_requests])


def ask(seat: Seat, *, by: User, title: str, details: str) -> HelpRequest:
    rules.refuse(rules.against_asking_for_help(seat.membership, now=timezone.now()), seat.membership)
    with acting_as(by):
        asked = HelpRequest(event=seat.event, requester=by, title=title, details=details)
        asked.save(force_insert=True)
        audit.record(by=by, action="help_request_made", target=asked, event_id=asked.event_id)
        return asked


def change_status(help_request: HelpRequest, seat: Seat, *, by: User, status: str) -> None:
    """Moves it along; to stay where it is does no harm."""
    is_own = help_request.requester_id == by.id
    reason = rules.against_changing_help_request(seat.membership, is_own=is_own, now=timezone.now())
    rules.refuse(reason, seat.membership)
    before = help_request.status
    if status == before:
        return
    if status not in TRANSITIONS[before]:
        raise InvalidState(before)
    with acting_as(by):
        # Only from where it was seen: of two who move it at once, the slower is told.
        if not HelpRequest.objects.filter(id=help_request.id, status=before).update(status=status):
            current = HelpRequest.objects.values_list("status", flat=True).get(id=help_request.id)
            if current != status:
                raise InvalidState(current)
        elif not is_own:
            audit.record(
                by=by,
                action="help_request_moved",
                target=help_request,
                event_id=help_request.event_id,
                before=before,
                after=status,
            )
        help_request.status = status
