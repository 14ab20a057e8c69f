"""Sanctions: laid on by decisions, ended by their time or by being lifted.

What the rules read stands on the membership and is the latest end of all that stand; so lifting one leaves another.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import User
from api.database import acting_as, as_owner
from api.errors import InvalidState
from events import memberships, rules
from events.models import Membership
from moderation import access, cases
from moderation.models import Appeal, Case, Decision, Sanction

# Where a membership says how long.
UNTIL = {"mute": "muted_until", "suspend": "suspended_until"}


def impose(
    case: Case, decision: Decision, type: str, *, hours: int | None, by: User, now: datetime | None = None
) -> Sanction:
    """On the sender of the case's message; as the owner, in the decision's transaction."""
    now = now or timezone.now()
    imposed = Sanction.objects.create(
        event_id=case.event_id,
        user_id=case.sender_id,
        case=case,
        decision=decision,
        moderator=by,
        type=type,
        reason=cases.main_reason(case),
        starts_at=now,
        ends_at=now + timedelta(hours=hours) if hours else None,
        created_at=now,
    )
    if membership := _locked_membership(imposed):
        if type in UNTIL:
            until = max(filter(None, [getattr(membership, UNTIL[type]), imposed.ends_at]))
            _set(membership, UNTIL[type], until)
        elif type == "remove_member":
            memberships.remove(membership, by=by, now=now)
    _record("sanction_imposed", imposed, by=by, until=imposed.ends_at)
    return imposed


def lift(found: access.FoundSanction, *, reason: str, by: User) -> Sanction:
    """Before its time. Nobody lifts their own; an appeal that waits is granted with it."""
    with acting_as(by):
        access.refuse_bystander(found.me, by=by)
        rules.refuse(rules.OWN_DECISION if found.sanction.user_id == by.id else None)
        with as_owner():
            now = timezone.now()
            sanction = lock(found.sanction)
            if state := ended(sanction, now=now):
                raise InvalidState(state)
            take_back(sanction, reason=reason, by=by, now=now)
            Appeal.objects.filter(sanction=sanction, status=Appeal.Status.PENDING).update(
                status=Appeal.Status.GRANTED, decided_at=now
            )
            return shown(sanction)


def of(person: User) -> QuerySet[Sanction]:
    """To be read in this person's name."""
    return Sanction.objects.filter(user=person).shown()


def shown(sanction: Sanction) -> Sanction:
    return Sanction.objects.select_related("appeal").get(id=sanction.id)


def lock(sanction: Sanction) -> Sanction:
    return Sanction.objects.select_for_update(no_key=True).get(id=sanction.id)


def ended(sanction: Sanction, *, now: datetime) -> str | None:
    if sanction.lifted_at:
        return "lifted"
    return "ended" if sanction.ends_at and sanction.ends_at <= now else None


def take_back(sanction: Sanction, *, reason: str, by: User, now: datetime) -> None:
    """Ends a sanction that is locked, and what it did as far as nothing else does the same."""
    sanction.lifted_at, sanction.lifted_by, sanction.lift_reason = now, by, reason
    sanction.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
    membership = _locked_membership(sanction)
    others = Sanction.objects.standing(now).filter(event=sanction.event_id, user=sanction.user_id, type=sanction.type)
    if membership and sanction.type in UNTIL:
        _set(membership, UNTIL[sanction.type], others.aggregate(until=Max("ends_at"))["until"])
    elif membership and _is_out_by_sanction(membership) and sanction.type == "remove_member" and not others.exists():
        memberships.add(
            event=membership.event, user=membership.user, role=membership.role, tags=membership.tags, by=by, now=now
        )
    _record("sanction_lifted", sanction, by=by)


def _locked_membership(sanction: Sanction) -> Membership | None:
    found = Membership.objects.select_for_update(no_key=True, of=("self",)).select_related("event", "user")
    return found.filter(event=sanction.event_id, user=sanction.user_id).first()


def _is_out_by_sanction(membership: Membership) -> bool:
    """Rather than by staff, before it or since. The sanction that takes somebody out does so as it starts."""
    mine = Sanction.objects.filter(event=membership.event_id, user=membership.user_id, type="remove_member")
    return membership.removed_at is not None and mine.filter(starts_at=membership.removed_at).exists()


def _set(membership: Membership, field: str, until: datetime | None) -> None:
    setattr(membership, field, until)
    membership.save(update_fields=[field])


def _record(action: str, sanction: Sanction, *, by: User, **data) -> None:
    audit.record(
        by=by,
        action=action,
        target=sanction,
        event_id=sanction.event_id,
        user_id=sanction.user_id,
        case_id=sanction.case_id,
        type=sanction.type,
        **data,
    )
