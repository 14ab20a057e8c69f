"""Messages and conversations as the API shows them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson

from accounts.models import User
from events import rules
from messaging.models import Message

PLACEHOLDERS = {
    Message.Deleter.MODERATOR: "This message was removed by a moderator.",
    Message.Deleter.SENDER: "This message was deleted.",
}

# Where nobody is left who could be named.
FORMER_MEMBER = "Former member"


def message(row: Any, viewer: User) -> dict:
    """`row` is a Message, or a row of a statement with the same names."""
    return {
        "id": row.id,
        "conversation_id": row.conversation_id,
        "event_id": row.event_id,
        "message_type": row.message_type,
        "sender_id": row.sender_id,
        "sender_name": row.sender_name or FORMER_MEMBER,
        "sender_avatar_url": row.sender_avatar_url,
        "content": PLACEHOLDERS.get(row.deleted_by_kind, row.content),
        "created_at": row.created_at,
        "is_own_message": row.sender_id == viewer.id,
        "is_deleted": row.deleted_by_kind is not None,
        "is_held": row.held_at is not None,
    }


def conversation(row: Any, viewer: User) -> dict:
    """`row` is one of `sql/conversations.sql`."""
    reason = rules.against_replying(
        row if row.role else None,
        partner_is_member=row.partner_is_member,
        is_blocked=row.is_blocked,
        now=row.asked_at,
    )
    return {
        "id": row.id,
        "event_id": row.event_id,
        "kind": row.kind,
        "title": row.title,
        "help_request_id": row.help_request_id,
        "created_at": row.created_at,
        "last_message": _last_message(row, viewer),
        "unread_count": row.unread_count,
        "can_reply": reason is None,
        "reply_reason": reason,
        "participants": [_participant(person) for person in orjson.loads(row.participants)],
    }


def _participant(person: dict) -> dict:
    return person if person["name"] else {**person, "name": FORMER_MEMBER}


def _last_message(row: Any, viewer: User) -> dict | None:
    if row.last_id is None:
        return None
    last = {name.removeprefix("last_"): value for name, value in row._asdict().items() if name.startswith("last_")}
    return message(SimpleNamespace(**last, conversation_id=row.id, event_id=row.event_id), viewer)
