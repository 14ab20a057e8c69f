"""Texts of which nobody knows the end: the provider is asked.

A message whose name we know is asked for by it. Otherwise the provider lists what it has for the phone from about the
time of the call; a message with this very text that belongs to no other delivery is this one's. Only where there is no
message at all that could be, and the call is old enough that none can come any more, is the text sent again.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from messaging.sms import callbacks, claims, crash_points, figures, outcomes, provider
from messaging.sms.models import Callback, Text

logger = logging.getLogger(__name__)

State = Text.State

BATCH = 50
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=30)
# At a sent one, about four days.
MOST_LOOKS = 200
# The provider's clock is not ours, and it counts whole seconds.
SKEW = timedelta(seconds=60)

SETTLED, REPEATED, WAITING, NOT_TOLD = "settled", "queued again", "still unknown", "not told"


def run(*, most: int = BATCH) -> dict[str, int]:
    """One round; what became of those that were looked at."""
    found: dict[str, int] = {}
    if settings.SMS_BACKEND is None:
        return found
    for row in _next(most):
        try:
            outcome = look(row)
        except provider.NotTold as error:
            logger.warning("the provider did not say what became of a text: %s", error)
            outcome = NOT_TOLD
        found[outcome] = found.get(outcome, 0) + 1
    return found


def look(row: Any) -> str:
    """One text, outside any transaction; what is found is written where the text still stands as it did."""
    message = provider.fetch(row.sid) if row.sid else _listed(row)
    crash_points.reach(crash_points.LOOKED)
    if message is not None:
        outcome = outcomes.of_status(message.status, message.code)
        is_settled = callbacks.settle(
            row.delivery_id, row.attempts, message.sid, outcome, message.code, "reconciliation"
        )
        return SETTLED if is_settled else WAITING
    if row.state == State.UNKNOWN and row.sid is None and _is_old_enough(row) and _send_again(row):
        return REPEATED
    return WAITING


def _listed(row: Any) -> provider.Message | None:
    """A message that can only be this text's; NotTold where it might be, or might as well be another's."""
    until = row.began_at + SKEW + timedelta(seconds=settings.LEASE_SECONDS)
    found = {
        message.sid: message
        for message in provider.listed(row.phone, since=row.began_at - SKEW)
        if message.is_from_us and (message.created_at is None or message.created_at <= until)
    }
    for sid in _owned_by_others(row, list(found)):
        del found[sid]
    same = [message for message in found.values() if message.body == row.content]
    # A provider may change what it is given: a text that is not ours to the letter is no proof that ours is not there.
    if found and len(same) < _rivals(row):
        raise provider.NotTold("Ambiguous")
    return min(same, key=lambda message: message.sid) if same else None


def _owned_by_others(row: Any, sids: list[str]) -> set[str]:
    """Those that a text has as its own, or that a callback has named for one."""
    texts = Text.objects.filter(sid__in=sids).exclude(delivery_id=row.delivery_id)
    heard = Callback.objects.filter(kind=Callback.Kind.STATUS, sid__in=sids, delivery_id__isnull=False)
    return {
        *texts.values_list("sid", flat=True),
        *heard.exclude(delivery_id=row.delivery_id).values_list("sid", flat=True),
    }


def _rivals(row: Any) -> int:
    """How many texts to this phone with this content are under way or not known of, this one among them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM messaging_text mine JOIN messaging_message message ON message.id = mine.message_id"
            " WHERE mine.phone = %s AND mine.state IN ('sending', 'unknown') AND message.content = %s",
            [row.phone, row.content],
        )
        return cursor.fetchone()[0]


def _is_old_enough(row: Any) -> bool:
    return row.at - row.began_at >= timedelta(seconds=settings.SMS_SAFE_AGE_SECONDS)


def _send_again(row: Any) -> bool:
    """Unless somebody has heard of it meanwhile, or called again."""
    mine = Text.objects.filter(delivery_id=row.delivery_id, state=State.UNKNOWN, attempts=row.attempts, sid=None)
    moved = mine.update(state=State.QUEUED, cause="reconciliation", looks=0, next_at=timezone.now())
    if moved:
        figures.moved(State.QUEUED)
    return bool(moved)


def _next(most: int) -> list[Any]:
    pauses = {"shortest": SHORTEST_PAUSE, "longest": LONGEST_PAUSE, "most_looks": MOST_LOOKS}
    return claims.rows("look_at_texts", {"most": most, **pauses})


def hurry() -> int:
    """Everything that waits is asked for now; for `manage.py sms reconcile`."""
    return Text.objects.filter(Q(state=State.UNKNOWN) | Q(state=State.SENT)).update(next_at=timezone.now())
