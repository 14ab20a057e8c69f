"""Finding what a call addresses, for the person who asks. What is absent and what is not theirs answer alike."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from accounts.models import User
from api.database import as_owner
from api.errors import NotFound
from events.models import Event, HelpRequest, Membership


@dataclass(frozen=True)
class Seat:
    """A person in an event. Staff who are no member have no membership."""

    event: Event
    user: User
    membership: Membership | None


def access_event(event_id: UUID, *, by: User) -> Seat:
    membership = Membership.objects.current().select_related("event").filter(event_id=event_id, user=by).first()
    if membership:
        return Seat(membership.event, by, membership)
    event = Event.objects.filter(id=event_id).first() if by.is_staff else None
    if event is None:
        raise NotFound
    return Seat(event, by, None)


def access_help_request(help_request_id: UUID, *, by: User) -> tuple[HelpRequest, Seat]:
    found = HelpRequest.objects.shown().filter(id=help_request_id).first()
    if found is None:
        raise NotFound
    return found, access_event(found.event_id, by=by)


def moderates_as_staff(person: User) -> bool:
    """Not all staff do: a group says so, in the admin as here. Looked up each time, so that it can be taken away."""
    if not person.is_staff:
        return False
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT events_moderates_as_staff(%s)", [person.id])
        return cursor.fetchone()[0]
