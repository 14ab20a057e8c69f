"""Orders to publish: looked at beforehand, accepted with a unit of the quota, and cancelled while they wait.

The API's role reaches no table of broadcasts. What a person may do is decided here from what they may see, and the work
is done as the owner, inside the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from accounts import audit
from accounts.models import User
from api import tracks, wakeups
from api.database import acting_as, as_owner
from api.errors import ConfirmationRequired, ValidationError
from broadcasts import audience, figures, notices, progress, quotas, states
from broadcasts.models import Broadcast
from events import rules
from events.access import Seat, moderates_as_staff
from messaging import gates, publishing, segments

DELIVER = "broadcasts.tasks.deliver"


@dataclass(frozen=True)
class Order:
    kind: str
    content: str
    roles: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    send_at: datetime | None = None
    valid_until: datetime | None = None
    sms: bool = False
    confirm: bool = False


def preview(seat: Seat, order: Order, *, by: User, now: datetime | None = None) -> dict:
    """What it would reach and cost; takes nothing."""
    now = now or timezone.now()
    with acting_as(by):
        _check(seat, order, now)
        return _preview(seat, order, _reach(seat, order, now), now)


def accept(seat: Seat, order: Order, *, by: User, now: datetime | None = None) -> Broadcast:
    """Takes a unit and keeps the order; where it goes out at once, the message stands with it."""
    now = now or timezone.now()
    with acting_as(by):
        verdict = _check(seat, order, now)
        if order.sms and not order.confirm:
            reach = _reach(seat, order, now)
            if reach.needs_confirmation:
                raise ConfirmationRequired(_preview(seat, order, reach, now))
        with as_owner():
            taken = quotas.take(seat.event, seat.membership.role, user_id=by.id, now=now)
            broadcast = _keep(seat, order, taken, verdict, now)
            audit.record(by=by, action="broadcast_accepted", target=broadcast, event_id=broadcast.event_id)
            progress.tell(broadcast)
            if taken.is_last:
                notices.tell_used_up(seat.event.id, by.id, taken.phase, quotas.next_reset(now))
    return broadcast


def cancel(broadcast: Broadcast, seat: Seat, *, by: User) -> None:
    """While it waits for its time: by its author, or whoever moderates its event."""
    is_own = broadcast.sender_id == by.id
    is_staff = moderates_as_staff(by)
    reason = rules.against_cancelling(seat.membership, is_own=is_own, is_staff=is_staff, now=timezone.now())
    rules.refuse(reason, seat.membership)
    with acting_as(by), as_owner():
        states.move(broadcast, "cancel", is_refunded=True)
        quotas.refund(broadcast)
        audit.record(by=by, action="broadcast_cancelled", target=broadcast, event_id=broadcast.event_id)
        progress.tell(broadcast)


def _check(seat: Seat, order: Order, now: datetime) -> gates.Verdict:
    """What stands against it is raised; what content rules remark is answered."""
    rules.refuse(rules.against_broadcasting(seat.membership, order.roles, now=now), seat.membership)
    verdict = gates.judge(order.content, event_id=seat.event.id, by=seat.user)
    if not passes(verdict):
        rules.refuse(rules.CONTENT_RULE)
    errors = []
    if order.send_at and order.send_at <= now:
        errors.append(("#/send_at", "Give a time to come."))
    if order.valid_until and order.valid_until <= max(order.send_at or now, now):
        errors.append(("#/valid_until", "Give a time after the one at which it goes out."))
    if errors:
        raise ValidationError(errors)
    return verdict


def passes(verdict: gates.Verdict) -> bool:
    """A broadcast is not held back for review, it has no such state: what would be does not pass."""
    return verdict.outcome == gates.PASS


def _reach(seat: Seat, order: Order, now: datetime) -> audience.Reach:
    who = {"event_id": seat.event.id, "sender_id": seat.user.id, "at": now}
    if order.sms:
        return audience.reach_by_text(order, **who)
    return audience.Reach(audience.count(order, **who), segments.count(order.content))


def _preview(seat: Seat, order: Order, reach: audience.Reach, now: datetime) -> dict:
    quota = quotas.of(seat.event, seat.membership.role, user_id=seat.user.id, now=now)
    return {
        "recipients": reach.recipients,
        "excluded": dict(sorted(reach.excluded.items())),
        "segments": reach.segments,
        "estimated_cost": audience.amount(reach.cost),
        "quota_after": quotas.after_one_more(quota),
    }


def _keep(seat: Seat, order: Order, taken: quotas.Taken, verdict: gates.Verdict, now: datetime) -> Broadcast:
    broadcast = Broadcast(
        event=seat.event,
        sender=seat.user,
        kind=order.kind,
        content=order.content,
        roles=order.roles,
        tags=order.tags,
        sms=order.sms,
        status=Broadcast.Status.SCHEDULED,
        created_at=now,
        send_at=order.send_at,
        valid_until=order.valid_until,
        quota_phase=taken.phase,
        quota_period=taken.period,
        request_id=tracks.current(),
    )
    if order.send_at is None:
        broadcast.status = Broadcast.Status.PUBLISHING
        put_out(broadcast, verdict)
    broadcast.save(force_insert=True)
    figures.moves.add(status=str(broadcast.status))
    return broadcast


def put_out(broadcast: Broadcast, verdict: gates.Verdict) -> None:
    """The message stands, and a worker hears of it; the row is the caller's to write."""
    message = publishing.publish(
        by=broadcast.sender,
        event_id=broadcast.event_id,
        message_type=broadcast.kind,
        content=broadcast.content,
        roles=broadcast.roles,
        tags=broadcast.tags,
    )
    gates.settle(message.id, verdict)
    broadcast.message_id = message.id
    broadcast.audience = audience.count(
        broadcast, event_id=broadcast.event_id, sender_id=broadcast.sender_id, at=message.created_at
    )
    wakeups.after_commit(DELIVER, str(broadcast.id))
