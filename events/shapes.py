"""Events, members, help requests and blocks as the API shows them."""

from __future__ import annotations

from uuid import UUID

from accounts import shapes
from accounts.models import User
from events.models import Block, Event, HelpRequest, Membership


def event(shown: Event, mine: Membership | None) -> dict:
    return {
        "id": shown.id,
        "slug": shown.slug,
        "name": shown.name,
        "starts_at": shown.starts_at,
        "ends_at": shown.ends_at,
        "timezone": shown.timezone,
        "role": mine and mine.role,
        "tags": mine.tags if mine else [],
        "joined_at": mine and mine.joined_at,
    }


def member(shown: Membership, *, can_message: bool) -> dict:
    return {
        "user_id": shown.user_id,
        "name": shown.user.name,
        "avatar_url": shown.user.avatar_url,
        "role": shown.role,
        "can_message": can_message,
    }


def help_request(shown: HelpRequest, my_conversation_id: UUID | None) -> dict:
    return {
        "id": shown.id,
        "event_id": shown.event_id,
        "requester": shapes.user(shown.requester),
        "title": shown.title,
        "details": shown.details,
        "status": shown.status,
        "created_at": shown.created_at,
        "my_conversation_id": my_conversation_id,
    }


def block(shown: Block) -> dict:
    return {"user": shapes.user(shown.blocked), "created_at": shown.created_at}


def own_memberships(user: User) -> list[dict]:
    """What GET /me says of a person's memberships, newest first."""
    mine = Membership.objects.current().filter(user=user).order_by("-created_at", "-id")
    return [{"event_id": one.event_id, "role": one.role, "tags": one.tags, "joined_at": one.joined_at} for one in mine]
