"""Who sees which broadcasts. The API's role may not read the table: what is handed out here was filtered here."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from api.database import as_owner
from api.errors import NotFound
from broadcasts.models import Broadcast
from events import rules
from events.access import Seat, access_event


def visible_to(seat: Seat) -> QuerySet[Broadcast]:
    """All to organizers, moderators and staff, their own to authors; to be read as the owner. Raises the refusal."""
    of_event = Broadcast.objects.filter(event=seat.event)
    if sees_all(seat):
        return of_event
    own = of_event.filter(sender=seat.user)
    if not _may_broadcast(seat):
        with as_owner():
            rules.refuse(None if own.exists() else rules.ROLE)
    return own


def access_quota(seat: Seat) -> None:
    if not (sees_all(seat) or _may_broadcast(seat)):
        rules.refuse(rules.ROLE)


def access_broadcast(broadcast_id: UUID, *, by: User) -> tuple[Broadcast, Seat]:
    """What is absent, of another event, and another author's answer alike."""
    with as_owner():
        found = Broadcast.objects.select_related("event").filter(id=broadcast_id).first()
    if found is None:
        raise NotFound
    seat = access_event(found.event_id, by=by)
    if not (sees_all(seat) or found.sender_id == by.id):
        raise NotFound
    return found, seat


def message_of(broadcast_id: UUID) -> UUID | None:
    """For the ledger of texts, in which staff look for those of a broadcast."""
    return Broadcast.objects.filter(id=broadcast_id).values_list("message_id", flat=True).first()


def request_of(message_id: UUID) -> str | None:
    """The id of the call that ordered what this message says; by broadcast_message."""
    return Broadcast.objects.filter(message_id=message_id).values_list("request_id", flat=True).first()


def sees_all(seat: Seat) -> bool:
    return seat.user.is_staff or (seat.membership is not None and seat.membership.role in rules.MAY_SEE_BROADCASTS)


def _may_broadcast(seat: Seat) -> bool:
    return seat.membership.role in rules.MAY_BROADCAST_TO
