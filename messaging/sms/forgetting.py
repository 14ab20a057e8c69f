"""Forgetting whose phone it was: of one person at once, and of everybody when the time that is set is over.

A text at its end keeps its history without its phone. One that is under way or not known of needs it until it is
settled: the nightly round takes it then. What the provider told keeps ids and codes. An opt-out stays: it says of a
phone that nobody writes to it, and not whose it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts import personal
from accounts.models import AuditEntry, User
from messaging.models import Delivery
from messaging.sms.models import Callback, Text

BATCH = 5000
FORGOTTEN = ""
ENDS = (Text.State.DELIVERED, Text.State.UNDELIVERED, Text.State.FAILED, Text.State.SUPPRESSED)

# JSON and row by row what may stay of it: beyond the ORM. The trigger lets this change through and no other.
_STRIP = "UPDATE messaging_callback SET fields = messaging_without_person(fields) WHERE id = ANY (%s)"
# By callback_names_a_person.
_OLD_CALLBACKS = (
    "SELECT id FROM messaging_callback WHERE fields ?| ARRAY['To', 'From', 'Body'] AND received_at < %s"
    " ORDER BY received_at, id LIMIT %s"
)
# By delivery_feed and callback_text.
_CALLBACKS_TO = (
    "SELECT callback.id FROM messaging_delivery delivery"
    " JOIN messaging_callback callback ON callback.delivery_id = delivery.id"
    " WHERE delivery.user_id = %s AND callback.fields ?| ARRAY['To', 'From', 'Body'] LIMIT %s"
)
# What names the phone and no text of ours, such as a STOP: looks through all that names anybody, for one erasure.
_CALLBACKS_OF = (
    "SELECT id FROM messaging_callback WHERE fields ?| ARRAY['To', 'From', 'Body']"
    " AND (fields ->> 'To' = %s OR fields ->> 'From' = %s) LIMIT %s"
)


def forget_person(user: User) -> int:
    return _forget_their_texts(user.id) + (_strip(_CALLBACKS_OF, [user.phone, user.phone]) if user.phone else 0)


def forget_old(*, now: datetime | None = None) -> int:
    """What ended, and was told, before the time that is kept; and what came of an erased person since."""
    before = (now or timezone.now()) - timedelta(days=settings.KEEP_PHONES_DAYS)
    # By auditentry_action_at.
    erased = AuditEntry.objects.filter(action=personal.ERASED_ACTION, at__gte=before).values_list(
        "object_id", flat=True
    )
    gone = sum(_forget_their_texts(UUID(person_id)) for person_id in erased)
    # By text_phone_kept.
    return gone + _forget_texts(Text.objects.filter(moved_at__lt=before)) + _strip(_OLD_CALLBACKS, [before])


def _forget_their_texts(user_id: UUID) -> int:
    theirs = Delivery.objects.filter(user_id=user_id, sms_status__isnull=False).values("id")
    return _forget_texts(Text.objects.filter(delivery_id__in=theirs)) + _strip(_CALLBACKS_TO, [user_id])


def _forget_texts(texts) -> int:
    """Empty, not null: that somebody was called stays true."""
    gone = 0
    named = (
        texts.filter(state__in=ENDS)
        .exclude(phone=FORGOTTEN)
        .filter(phone__isnull=False)
        .order_by("moved_at", "delivery_id")
    )
    while ids := list(named.values_list("delivery_id", flat=True)[:BATCH]):
        gone += Text.objects.filter(delivery_id__in=ids).update(phone=FORGOTTEN)
    return gone


def _strip(statement: str, values: list) -> int:
    gone = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [*values, BATCH])
            ids = [found for (found,) in cursor.fetchall()]
            if not ids:
                return gone
            cursor.execute(_STRIP, [ids])
            gone += len(ids)


def named() -> int:
    """Callbacks that still name somebody; for tests and for whoever looks."""
    return Callback.objects.filter(fields__has_any_keys=["To", "From", "Body"]).count()
