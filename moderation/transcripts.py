"""More of a private conversation than a case shows: a deliberate look, with a reason that is kept."""

from __future__ import annotations

from uuid import UUID

from accounts import audit
from accounts.models import User
from api.database import acting_as, as_owner
from api.errors import InvalidState
from api.pages import cursor_after
from messaging.models import Message
from moderation import access
from moderation.models import TranscriptLook


def read(found: access.FoundCase, query: dict, *, reason: str, by: User) -> dict:
    """A page of the conversation, newest first, held messages too; `query` is a validated PageQuery.

    The look stands in the same transaction: without its row there is no answer.
    """
    with acting_as(by):
        access.refuse_bystander(found.me, by=by)
        with as_owner():
            case = found.case
            message = Message.objects.only("conversation_id", "message_type").get(id=case.message_id)
            if message.conversation_id is None:
                raise InvalidState(message.message_type, "This message stands in no conversation.")
            page = _page(message.conversation_id, query)
            look = TranscriptLook.objects.create(
                case=case,
                moderator=by,
                reason=reason,
                before=query["cursor"] and query["cursor"][0],
                messages=len(page["items"]),
            )
            audit.record(
                by=by,
                action="transcript_read",
                target=look,
                event_id=case.event_id,
                case_id=case.id,
                conversation_id=message.conversation_id,
            )
            return page


def _page(conversation_id: UUID, query: dict) -> dict:
    limit, after = query["limit"], query["cursor"]
    rows = Message.objects.filter(conversation_id=conversation_id).select_related("sender")
    if after:
        moment, row_id = after
        rows = rows.filter(created_at__lte=moment).exclude(created_at=moment, id__gte=row_id)
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    return {
        "items": found[:limit],
        "next_cursor": cursor_after(found[limit - 1]) if len(found) > limit else None,
    }
