"""How far broadcasts have come: counted from the deliveries whenever it is asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from api.database import as_owner
from broadcasts.models import Broadcast
from broadcasts.sql import statement
from messaging import log
from messaging.models import LogEntry

# Where a delivery's state is counted; what is not named here is still on its way.
COUNTED_AS = {
    "sent": "sent",
    "delivered": "delivered",
    "failed": "failed",
    "undelivered": "failed",
    "suppressed": "suppressed",
}
# Whose texts still move; what comes later is seen by whoever asks.
TEXTED = timedelta(days=1)
SETTLED = timedelta(seconds=1)
NOTHING = {"total": 0, "queued": 0, "sent": 0, "delivered": 0, "failed": 0, "suppressed": 0}


def of_all(broadcasts: Collection[Broadcast]) -> dict[UUID, dict]:
    """By the broadcast's id; one query for all of them, as the owner."""
    of = {broadcast.message_id: broadcast for broadcast in broadcasts if broadcast.message_id}
    found = {broadcast.id: dict(NOTHING) for broadcast in broadcasts}
    if not of:
        return found
    texted = [message_id for message_id, broadcast in of.items() if broadcast.sms]
    with connection.cursor() as cursor:
        cursor.execute(
            statement("progress"), {"texted": texted, "silent": [each for each in of if each not in set(texted)]}
        )
        for message_id, status, number in cursor.fetchall():
            counts = found[of[message_id].id]
            counts["total"] += number
            counts[COUNTED_AS.get(status, "queued")] += number
    return found


def of(broadcast: Broadcast) -> dict:
    with as_owner():
        return of_all([broadcast])[broadcast.id]


def tell_texts(*, now: datetime | None = None) -> int:
    """To the authors of broadcasts whose texts have moved since they were last told; how many those are.

    By the number of rows that the log has of their messages: one that commits late makes it another, too.
    """
    now = now or timezone.now()
    recent = Broadcast.objects.filter(sms=True, message__isnull=False, created_at__gte=now - TEXTED)
    # Who hands it over tells of it meanwhile, and at its end: with this it would be told more than twice a second.
    recent = recent.filter(published_at__lte=now - SETTLED)
    rows = LogEntry.objects.filter(message_id=OuterRef("message_id")).order_by().values("message_id")
    number = Coalesce(Subquery(rows.annotate(number=Count("*")).values("number")), 0)
    with as_owner():
        moved = list(recent.annotate(log_rows=number).exclude(log_rows=F("texts_told")))
        return sum(_tell_texts(broadcast) for broadcast in moved)


@transaction.atomic
def _tell_texts(broadcast: Broadcast) -> bool:
    """Once, whoever else looks."""
    mine = Broadcast.objects.filter(id=broadcast.id, texts_told=broadcast.texts_told)
    if not mine.update(texts_told=broadcast.log_rows):
        return False
    tell(broadcast)
    return True


def tell(broadcast: Broadcast) -> None:
    """To its author, on the stream."""
    with as_owner():
        log.add(
            "broadcast.progress",
            event_id=broadcast.event_id,
            user_id=broadcast.sender_id,
            data={
                "broadcast_id": str(broadcast.id),
                "status": str(broadcast.status),
                "progress": of(broadcast),
                "failure_reason": broadcast.failure_reason,
            },
        )
