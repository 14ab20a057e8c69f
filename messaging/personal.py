"""What messaging holds of a person: what they wrote, what they were handed, their texts and their phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from events.models import Event, Membership
from messaging.models import Conversation, Delivery, FeedMarker, LogEntry, Message, OptOut, Participant, Removal, Text
from messaging.shapes import PLACEHOLDERS
from messaging.sms import forgetting

BATCH = 2000
ERASED = "(erased)"
_GONE = PLACEHOLDERS[Message.Deleter.SENDER]


# --- Export ----------------------------------------------------------------------------------------


def export(user: User) -> dict[str, Any]:
    conversations = Participant.objects.filter(user=user).order_by("joined_at")
    return {
        "conversations": conversations.values(
            "conversation_id", "conversation__kind", "conversation__title", "conversation__event_id", "joined_at",
            "read_message_id", "read_at",
        ).iterator(),
        "sent_messages": _sent(user),
        "received_messages": _received(user),
        "texts": Text.objects.filter(user_id=user.id).order_by("delivery_id").values(
            "delivery_id", "message_id", "state", "reason", "phone", "created_at", "moved_at"
        ).iterator(),
        "opt_outs": list(OptOut.objects.filter(phone=user.phone).values("phone", "cause", "since", "lifted_at"))
        if user.phone else [],
        "feed_markers": list(FeedMarker.objects.filter(user_id=user.id).values("event_id", "read_message_id")),
    }  # fmt: skip


def _sent(user: User) -> Iterator[dict]:
    said = ("id", "event_id", "conversation_id", "message_type", "content", "created_at", "deleted_at")
    fields = (*said, "roles", "tags")
    for event_id in _events_said_in(user):
        # By message_own_latest, event by event.
        yield from Message.objects.filter(event_id=event_id, sender=user).order_by("created_at", "id").values(*fields)


def _received(user: User) -> Iterator[dict]:
    """As they could read it: what was deleted or held is not theirs to have."""
    for event_id in _events_of(user):
        deliveries = Delivery.objects.filter(user=user, event_id=event_id).order_by("message_created_at", "id")
        rows = deliveries.select_related("message", "message__sender").iterator(chunk_size=BATCH)
        for delivery in rows:
            message = delivery.message
            yield {
                "message_id": message.id,
                "event_id": event_id,
                "conversation_id": message.conversation_id,
                "from": message.sender.name,
                "content": PLACEHOLDERS.get(message.deleted_by_kind, message.content),
                "created_at": message.created_at,
                "sms_status": delivery.sms_status,
            }


def _events_of(user: User) -> list:
    return list(Membership.objects.filter(user=user).values_list("event_id", flat=True))


def _events_said_in(user: User) -> list:
    """Also where they are no member, as those are whom an older system alone knew. By message_own_latest."""
    said = Message.objects.filter(event=OuterRef("id"), sender=user)
    return list(Event.objects.filter(Exists(said)).values_list("id", flat=True))


# --- Erasure ---------------------------------------------------------------------------------------


def erase(user: User) -> int:
    """Messages keep their place and say that they were deleted; whose they were shows as a former member."""
    gone = sum(_erase_messages(user, event_id) for event_id in _events_said_in(user))
    gone += Conversation.objects.filter(maker=user, title__isnull=False).update(title=None)
    gone += FeedMarker.objects.filter(user_id=user.id).delete()[0]
    return gone + forgetting.forget_person(user)


def _erase_messages(user: User, event_id: Any) -> int:
    gone = 0
    theirs = Message.objects.filter(event_id=event_id, sender=user).exclude(content=_GONE).order_by("created_at", "id")
    while ids := list(theirs.values_list("id", flat=True)[:BATCH]):
        gone += erase_batch(ids)
    return gone


def erase_batch(ids: list) -> int:
    """Their text, for good; whoever has one open is told that it changed. Tells how many: not always all.

    Those that nobody else has in hand; or one, for which is waited with nothing in hand: two who write several messages
    each would wait for each other.
    """
    return _erase(ids, waits=False) or _erase(ids[:1], waits=True)


@transaction.atomic
def _erase(ids: list, *, waits: bool) -> int:
    now = timezone.now()
    held = _held(ids, waits=waits)
    messages = Message.objects.filter(id__in=held)
    messages.filter(deleted_at=None).update(deleted_at=now, deleted_by_kind=Message.Deleter.SENDER)
    told = messages.filter(held_at=None).values_list("id", "event_id", "conversation_id")
    LogEntry.objects.bulk_create(
        [
            LogEntry(kind="message.updated", message_id=message_id, event_id=event_id, conversation_id=conversation_id)
            for message_id, event_id, conversation_id in told
        ]
    )
    Removal.objects.filter(message_id__in=held).update(reason=ERASED)
    return messages.update(content=_GONE)


def _held(ids: list, *, waits: bool) -> list:
    """A conversation's row before its messages', as everybody takes them."""
    mine = {"skip_locked": not waits, "no_key": True}
    asked = Message.objects.filter(id__in=ids)
    talks = Conversation.objects.filter(id__in=asked.values("conversation")).order_by("id").select_for_update(**mine)
    of_these = Q(conversation=None) | Q(conversation__in=list(talks.values_list("id", flat=True)))
    return list(asked.filter(of_these).order_by("id").select_for_update(**mine).values_list("id", flat=True))


# --- Retention -------------------------------------------------------------------------------------

# Whose messages there still are in events that ended before a time: from sender to sender, members or not, as
# message_own_latest is ordered; the ORM has no word for that.
_ENDED = """
    WITH RECURSIVE author AS (
        SELECT event.id AS event_id, (
            SELECT message.sender_id FROM messaging_message message
            WHERE message.event_id = event.id ORDER BY message.sender_id LIMIT 1
        ) AS id
        FROM events_event event WHERE event.ends_at < %s
        UNION ALL
        SELECT author.event_id, (
            SELECT message.sender_id FROM messaging_message message
            WHERE message.event_id = author.event_id AND message.sender_id > author.id
            ORDER BY message.sender_id LIMIT 1
        )
        FROM author WHERE author.id IS NOT NULL
    )
    SELECT author.event_id, author.id FROM author
    WHERE EXISTS (
        SELECT FROM messaging_message message
        WHERE message.event_id = author.event_id AND message.sender_id = author.id AND message.content <> %s
    )
    LIMIT 1000
"""


def forget_messages_of_events_that_ended_before(moment) -> int:
    gone = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ENDED, [moment, _GONE])
            found = cursor.fetchall()
        if not found:
            return gone
        for event_id, user_id in found:
            gone += _erase_messages(User(id=user_id), event_id)
