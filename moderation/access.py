"""Finding cases and sanctions for the person who asks. What is absent and what is not theirs to see answer alike."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from api.database import acting_as, as_owner
from api.errors import NotFound
from events import rules
from events.access import moderates_as_staff
from events.models import Membership
from moderation.models import Case, Report, Sanction


class FoundCase(NamedTuple):
    case: Case
    # The membership, also a past one, of whoever asks; None where there never was one.
    me: Membership | None


class FoundSanction(NamedTuple):
    sanction: Sanction
    me: Membership | None


def find_case(case_id: UUID, *, by: User) -> FoundCase:
    """By its id or that of one of its reports. A reporter knows of it too, but may not work on it."""
    with acting_as(by):
        with as_owner():
            report = Report.objects.filter(id=case_id).first()
            case = Case.objects.filter(id=report.case_id if report else case_id).first()
        if case is None:
            raise NotFound
        me = membership(case.event_id, by=by)
        if not (is_moderator(me, by=by) or report and report.reporter_id == by.id):
            raise NotFound
        return FoundCase(case, me)


def find_sanction(sanction_id: UUID, *, by: User) -> FoundSanction:
    """One's own, or one in an event that one moderates."""
    with acting_as(by):
        with as_owner():
            sanction = Sanction.objects.filter(id=sanction_id).first()
        if sanction is None:
            raise NotFound
        me = membership(sanction.event_id, by=by)
        if not (is_moderator(me, by=by) or sanction.user_id == by.id):
            raise NotFound
        return FoundSanction(sanction, me)


def membership(event_id: UUID, *, by: User) -> Membership | None:
    return Membership.objects.filter(event_id=event_id, user=by).first()


def is_moderator(me: Membership | None, *, by: User) -> bool:
    """By role; what a sanction takes away is told as such."""
    return rules.is_member(me) and me.role in rules.MAY_MODERATE or moderates_as_staff(by)


def refuse_bystander(me: Membership | None, *, by: User) -> None:
    rules.refuse(rules.against_moderating(me, is_staff=moderates_as_staff(by), now=timezone.now()), me)


def moderated_events(*, by: User) -> list[UUID] | None:
    """Of which events this person sees the cases; None is all. Raises the refusal where there is none."""
    if moderates_as_staff(by):
        return None
    mine = [one for one in Membership.objects.current().filter(user=by) if one.role in rules.MAY_MODERATE]
    now = timezone.now()
    free = [one.event_id for one in mine if rules.against_moderating(one, now=now) is None]
    if not free:
        me = mine[0] if mine else None
        rules.refuse(rules.against_moderating(me, now=now) if me else rules.ROLE, me)
    return free
