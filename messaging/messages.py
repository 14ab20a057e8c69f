"""What becomes of a message after it was said: its sender deletes it for good; a moderator removes and restores it, and
lets out what was held back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.models import User
from api.database import acting_as, in_one_trip
from api.errors import InvalidState, NotFound, PermissionDenied
from events import rules
from events.models import Membership
from messaging import publishing
from messaging.models import Message

# The functions of the database move along it; anything else is `invalid_state`. A sender's delete is final.
TRANSITIONS: dict[str, dict[str, str]] = {
    "delete": {"visible": "deleted", "removed": "deleted", "held": "deleted"},
    "remove": {"visible": "removed", "held": "removed"},
    "restore": {"removed": "visible"},
    "release": {"held": "visible"},
}

DONE = {"remove": "removed", "restore": "restored", "release": "released"}

MODERATING_ROLES = sorted(rules.MAY_MODERATE)

# What else happens when a moderator has removed a message, in the same transaction.
Removed = Callable[[Message, User], None]
_on_removal: list[Removed] = []


def register_removal(then: Removed) -> None:
    """The app that keeps cases hears of what was removed, and by whom."""
    _on_removal.append(then)


def delete(message_id: UUID, *, by: User) -> None:
    """One's own, and for good; a second time does no harm."""
    with acting_as(by):
        ((facts,),) = in_one_trip(by, ("SELECT * FROM messaging_delete(%s)", [message_id]))
        if not facts.is_found:
            find(message_id, by=by)
            raise PermissionDenied(rules.ROLE, "This is somebody else's message.")
        if facts.is_done:
            audit.record(by=by, action="message_deleted", target=Message(id=message_id), event_id=facts.event_id)
            return
        me = facts if facts.role else None
        rules.refuse(rules.against_acting(me, now=facts.asked_at), me)


def remove(message_id: UUID, *, reason: str, by: User) -> Message:
    """By a moderator of its event, or staff; any message of it, private ones too. Answers what others now see."""
    return _moderate("remove", message_id, reason, by=by)


def restore(message_id: UUID, *, by: User) -> Message:
    """What a moderator removed. The text of a private message is not in the answer."""
    return _moderate("restore", message_id, None, by=by)


def release(message_id: UUID, *, by: User) -> Message:
    """What was held back goes out as if it had been sent now. The text of a private message is not in the answer."""
    with acting_as(by):
        released = _moderate("release", message_id, None, by=by)
        if released.conversation_id is None:
            publishing.deliver_all(released)
        return released


def find(message_id: UUID, *, by: User) -> Message:
    with acting_as(by):
        found = Message.objects.filter(id=message_id).first()
    if found is None:
        raise NotFound
    return found


def find_any(message_id: UUID, *, by: User) -> None:
    """Raises NotFound unless the person sees it, or moderates its event."""
    with acting_as(by):
        # No step at all: the function says whether there is such a message for a moderator, and does nothing.
        if not _facts("look", message_id, None, by=by).is_found:
            find(message_id, by=by)


def _moderate(step: str, message_id: UUID, reason: str | None, *, by: User) -> Message:
    with acting_as(by):
        facts = _facts(step, message_id, reason, by=by)
        if not facts.is_found:
            _refuse_bystander(message_id, by=by)
        me = facts if facts.role else None
        rules.refuse(rules.against_moderating(me, is_staff=facts.is_staff, now=facts.asked_at), me)
        if not facts.is_done:
            raise InvalidState(facts.state)
        moderated = _as_others_see(message_id, facts)
        audit.record(by=by, action=f"message_{DONE[step]}", target=moderated, event_id=facts.event_id)
        if step == "remove":
            for then in _on_removal:
                then(moderated, by)
        return moderated


def _facts(step: str, message_id: UUID, reason: str | None, *, by: User) -> Any:
    values = [message_id, step, uuid7(), reason, MODERATING_ROLES]
    ((facts,),) = in_one_trip(by, ("SELECT * FROM messaging_moderate(%s, %s, %s, %s, %s)", values))
    return facts


def _refuse_bystander(message_id: UUID, *, by: User) -> None:
    """No moderator of its event: who sees it is told so, to all others there is no such message."""
    message = find(message_id, by=by)
    me = Membership.objects.filter(event=message.event_id, user=by).first()
    rules.refuse(rules.against_moderating(me, now=timezone.now()) or rules.ROLE, me)


def _as_others_see(message_id: UUID, facts: Any) -> Message:
    is_removed = facts.state == "removed"
    return Message(
        id=message_id,
        event_id=facts.event_id,
        conversation_id=facts.conversation_id,
        message_type=facts.message_type,
        sender=User.objects.shown().get(id=facts.sender_id),
        content=facts.content,
        created_at=facts.created_at,
        deleted_by_kind=Message.Deleter.MODERATOR if is_removed else None,
        held_at=facts.held_at,
    )
