"""Blocks between people: in all events, seen only by who made them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from accounts import audit
from accounts.models import User
from api.database import acting_as
from api.errors import NotFound, ValidationError
from events.models import Block, Membership


def block(user_id: UUID, *, by: User) -> None:
    """Stands afterwards, whether it stood before or not."""
    with acting_as(by):
        access_person(user_id, by=by)
        made, is_new = Block.objects.get_or_create(blocker_id=by.id, blocked_id=user_id)
        if is_new:
            audit.record(by=by, action="block_made", target=made, user_id=user_id)


def unblock(user_id: UUID, *, by: User) -> None:
    """Answers the same where none stood."""
    with acting_as(by):
        access_person(user_id, by=by)
        standing = Block.objects.filter(blocker_id=by.id, blocked_id=user_id).first()
        if standing is None:
            return
        removed, _ = Block.objects.filter(id=standing.id).delete()
        if removed:
            audit.record(by=by, action="block_removed", target=standing, user_id=user_id)


def blocked_with(people: Collection[UUID] | None, *, by: User) -> set[UUID]:
    """With whom of these (None: with whom at all) this person has a block, whoever of the two made it."""
    with acting_as(by), connection.cursor() as cursor:
        cursor.execute("SELECT events_blocked_with(%s)", [None if people is None else list(people)])
        return {row[0] for row in cursor.fetchall()}


def access_person(user_id: UUID, *, by: User) -> None:
    """Somebody else with an event in common; or whom one blocks already, so that it can be taken away later too."""
    if user_id == by.id:
        raise ValidationError([("#", "You cannot block yourself.")])
    is_blocked = Block.objects.filter(blocker_id=by.id, blocked_id=user_id).exists()
    if not (is_blocked or _share_an_event(by.id, user_id)):
        raise NotFound


def _share_an_event(first: UUID, second: UUID) -> bool:
    mine = Membership.objects.current().filter(user_id=first).values("event_id")
    return Membership.objects.current().filter(user_id=second, event_id__in=mine).exists()
