"""Appeals: once per sanction, for twenty days, decided by somebody who did not impose it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts import audit
from accounts.models import User
from api.database import acting_as, as_owner
from api.errors import InvalidState
from events import rules
from moderation import access, sanctions, states
from moderation.models import Appeal, Sanction

TIME_FOR_IT = timedelta(days=20)

STEPS = {"granted": "grant", "rejected": "reject"}


def make(found: access.FoundSanction, *, text: str, by: User) -> Sanction:
    """By the person concerned, also while suspended or removed."""
    with acting_as(by):
        rules.refuse(rules.ROLE if found.sanction.user_id != by.id else None)
        with as_owner():
            now = timezone.now()
            sanction = sanctions.lock(found.sanction)
            if before := Appeal.objects.filter(sanction=sanction).first():
                raise InvalidState(before.status)
            if sanction.lifted_at:
                raise InvalidState("lifted")
            if now > sanction.starts_at + TIME_FOR_IT:
                raise InvalidState("too_late", f"A sanction can be appealed for {TIME_FOR_IT.days} days.")
            Appeal.objects.create(
                sanction=sanction, user=by, imposed_by_id=sanction.moderator_id, text=text, created_at=now
            )
            _record("appeal_made", sanction, by=by)
            return sanctions.shown(sanction)


def decide(found: access.FoundSanction, *, decision: str, note: str = "", by: User) -> Sanction:
    """Granted, the sanction is lifted."""
    with acting_as(by):
        access.refuse_bystander(found.me, by=by)
        is_own = by.id in (found.sanction.moderator_id, found.sanction.user_id)
        rules.refuse(rules.OWN_DECISION if is_own else None)
        with as_owner():
            now = timezone.now()
            sanction = sanctions.lock(found.sanction)
            appeal = Appeal.objects.filter(sanction=sanction).first()
            if appeal is None:
                raise InvalidState("not_appealed")
            appeal.status = states.after(STEPS[decision], appeal.status, states.APPEAL_TRANSITIONS)
            appeal.decided_at, appeal.decided_by, appeal.note = now, by, note
            appeal.save(update_fields=["status", "decided_at", "decided_by", "note"])
            _record(f"appeal_{decision}", sanction, by=by)
            if decision == Appeal.Status.GRANTED:
                sanctions.take_back(sanction, reason=note or "The appeal was granted.", by=by, now=now)
            return sanctions.shown(sanction)


def _record(action: str, sanction: Sanction, *, by: User) -> None:
    audit.record(
        by=by, action=action, target=sanction, event_id=sanction.event_id, user_id=sanction.user_id, type=sanction.type
    )
