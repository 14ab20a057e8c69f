"""What is read of conversations, each call in one round trip. How many are unread is counted, never kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.models import User
from api.database import Statement, in_one_trip
from api.errors import NotFound
from api.pages import Cursor
from events.access import access_event
from messaging.sql import statement

# Before everything in a list, newest first: a first page is one that begins here, by the same plan.
TOP = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))


def find(conversation_id: UUID, *, by: User) -> Any:
    """A conversation of this person, as `shapes.conversation` takes it."""
    (found,) = in_one_trip(by, conversation(conversation_id))
    if not found:
        raise NotFound
    return found[0]


def list_conversations(event_id: UUID | None, query: dict, *, by: User) -> dict:
    """A page of this person's, in an event or in all, by last activity; `query` is a validated PageQuery."""
    limit, after = query["limit"], query["cursor"] or TOP
    if event_id is None:
        (found,) = in_one_trip(by, (_by_activity("my_conversations"), [*after, limit + 1]))
        return _page(found, limit, "last_message_at")
    values = [event_id, *after, limit + 1]
    membership, found = in_one_trip(by, _membership(event_id), (_by_activity("my_conversations_of_event"), values))
    if not membership:
        access_event(event_id, by=by)
    return _page(found, limit, "last_message_at")


def list_messages(conversation_id: UUID, query: dict, *, by: User) -> dict:
    """A page of a conversation, newest first."""
    limit, after = query["limit"], query["cursor"] or TOP
    page = statement("messages_of_conversation"), [conversation_id, *after, limit + 1]
    taking_part, found = in_one_trip(by, _taking_part(conversation_id), page)
    if not taking_part:
        raise NotFound
    return _page(found, limit, "created_at")


def count_unread(event_id: UUID, *, by: User) -> int:
    """Unread messages in all conversations that this person has in an event, capped like those of each."""
    ((row,),) = in_one_trip(by, (statement("unread"), [event_id]))
    return row.unread


def conversation(conversation_id: UUID) -> Statement:
    return statement("conversations", page="one_conversation"), [conversation_id]


def reply_facts(conversation_ids: list[UUID]) -> Statement:
    """What the rules about replying ask, for those of these conversations that the person takes part in."""
    return "SELECT *, clock_timestamp() AS asked_at FROM messaging_reply_facts(%s)", [conversation_ids]


def _by_activity(page: str) -> str:
    return statement("conversations", page=page)


def _membership(event_id: UUID) -> Statement:
    return (
        "SELECT true AS is_one FROM events_membership"
        " WHERE event_id = %s AND user_id = (SELECT callboard_uid()) AND removed_at IS NULL",
        [event_id],
    )


def _taking_part(conversation_id: UUID) -> Statement:
    return (
        "SELECT true AS is_one FROM messaging_participant"
        " WHERE conversation_id = %s AND user_id = (SELECT callboard_uid())",
        [conversation_id],
    )


def _page(found: list, limit: int, moment: str) -> dict:
    last = found[limit - 1] if len(found) > limit else None
    return {
        "items": found[:limit],
        "next_cursor": last and Cursor.write(getattr(last, moment), UUID(str(last.id))),
    }
