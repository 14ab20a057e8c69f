"""Scheduled broadcasts at their time: looked at again, and published, or ended with a reason and a refund.

One transaction each. Any number of workers may look at once: each takes another row, and a row that was taken has moved
on when its transaction ends.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from api import maintenance
from broadcasts import figures, notices, orders, progress, quotas, states
from broadcasts.models import Broadcast
from events import rules
from events.models import Membership
from messaging import gates

logger = logging.getLogger(__name__)

# In a row, with pauses up to the longest: about a day.
MOST_FAULTS = 100
LONGEST_PAUSE = timedelta(minutes=15)
# Its author was told of the order by then: the end may come as the second time within a second.
JUST_ORDERED = timedelta(seconds=2)

NOT_ALLOWED = {
    rules.SUSPENDED: "its sender was suspended in the event at that time",
    rules.MUTED: "its sender was muted in the event at that time",
    rules.NOT_MEMBER: "its sender was no member of the event any more",
    rules.ROLE: "its sender's role did not allow it any more",
    rules.CONTENT_RULE: "a content rule of the event did not let its text pass",
}
MAINTENANCE = "writing was switched off for maintenance"
NOBODY = "no worker was there to publish it"
FAULTS = "it failed again and again; the log says how"


def publish_due(*, now: datetime | None = None) -> int:
    """Everything whose time has come; how many moved on. Nothing while writing is switched off."""
    moved = 0
    while publish_next(now or timezone.now()):
        moved += 1
    return moved


def publish_next(now: datetime) -> bool:
    """True when there was one."""
    broadcast = None
    try:
        with transaction.atomic():
            if maintenance.current():
                # Noted for whoever asks later why it was late.
                _waiting(now).filter(met_maintenance=False).update(met_maintenance=True)
                return False
            broadcast = _next_due(now)
            if broadcast is None:
                return False
            _move_on(broadcast, now)
    except Exception as error:
        if broadcast is None:
            raise
        note_fault(broadcast.id, error, now=now)
    return True


def _waiting(now: datetime):
    return Broadcast.objects.filter(status=Broadcast.Status.SCHEDULED, send_at__lte=now)


def _next_due(now: datetime) -> Broadcast | None:
    ready = _waiting(now).filter(Q(lease_until=None) | Q(lease_until__lte=now))
    ready = ready.select_related("event", "sender").order_by("send_at", "id")
    return ready.select_for_update(skip_locked=True, of=("self",)).first()


def _move_on(broadcast: Broadcast, now: datetime) -> None:
    if cause := _lateness(broadcast, now):
        return give_up(broadcast, "expire", cause)
    if reason := _refusal(broadcast, now):
        return give_up(broadcast, "fail", NOT_ALLOWED[reason])
    verdict = gates.judge(broadcast.content, event_id=broadcast.event_id, by=broadcast.sender)
    if not orders.passes(verdict):
        return give_up(broadcast, "fail", NOT_ALLOWED[rules.CONTENT_RULE])
    orders.put_out(broadcast, verdict)
    states.move(
        broadcast, "publish", message_id=broadcast.message_id, audience=broadcast.audience, faults=0, lease_until=None
    )
    if now - broadcast.created_at >= JUST_ORDERED:
        progress.tell(broadcast)
    return None


def _lateness(broadcast: Broadcast, now: datetime) -> str | None:
    """With `valid_until` it goes out up to then, however late; without, up to ten minutes late."""
    until = broadcast.valid_until or broadcast.send_at + settings.BROADCAST_PATIENCE
    if now <= until:
        return None
    minutes = int((now - broadcast.send_at) / timedelta(minutes=1))
    cause = MAINTENANCE if broadcast.met_maintenance else FAULTS if broadcast.faults else NOBODY
    return f"it was {minutes} min late and no longer valid: {cause}"


def _refusal(broadcast: Broadcast, now: datetime) -> str | None:
    me = Membership.objects.filter(event=broadcast.event, user=broadcast.sender).first()
    reason = rules.against_broadcasting(me, broadcast.roles, now=now)
    if reason is None and not broadcast.sender.is_active:
        reason = rules.NOT_MEMBER
    return reason


def give_up(broadcast: Broadcast, step: str, cause: str) -> None:
    """What has not gone out is given back."""
    is_out = broadcast.message_id is not None
    planned = broadcast.send_at or broadcast.created_at
    reason = f"Planned for {planned.astimezone(UTC).isoformat().replace('+00:00', 'Z')}; {cause}."
    states.move(broadcast, step, failure_reason=reason, is_refunded=not is_out, lease_token=None, lease_until=None)
    if not is_out:
        quotas.refund(broadcast)
    progress.tell(broadcast)
    notices.tell_end(broadcast)


def note_fault(broadcast_id: UUID, error: Exception, *, token: UUID | None = None, now: datetime | None = None) -> None:
    """One that cannot be worked on stands aside for a while, longer each time, so that it stops no other."""
    now = now or timezone.now()
    figures.faults.add()
    logger.error("a broadcast could not be worked on: %s", type(error).__name__, exc_info=error)
    with transaction.atomic():
        broadcast = Broadcast.objects.select_for_update().select_related("event").get(id=broadcast_id)
        if broadcast.status not in states.TRANSITIONS["fail"] or broadcast.lease_token != token:
            return None
        if broadcast.faults + 1 >= MOST_FAULTS:
            return give_up(broadcast, "fail", FAULTS)
        pause = min(timedelta(seconds=2 ** min(broadcast.faults, 12)), LONGEST_PAUSE)
        Broadcast.objects.filter(id=broadcast_id).update(
            faults=F("faults") + 1, lease_token=None, lease_until=now + pause
        )
        return None
