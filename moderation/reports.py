"""Reports: anyone who can see a message may complain about it, once."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import User
from api.database import acting_as, as_owner
from api.errors import InvalidState
from events import rules
from messaging import messages
from messaging.models import Message
from moderation import access, cases, evidence
from moderation.models import Report, Sanction

SHOWN = ("id", "event_id", "message_id", "reporter_id", "reason", "details", "status", "outcome", "decided_at",
         "created_at")  # fmt: skip


def report(message_id: UUID, *, reason: str, details: str | None = None, by: User) -> Report:
    with acting_as(by):
        # As the API's role: what the person does not see is not there.
        message = messages.find(message_id, by=by)
        _refuse_if_any(message, by=by)
        with as_owner():
            _refuse_second(message, by=by)
            now = timezone.now()
            frozen = evidence.freeze(message_id, now=now)
            case = cases.open_for(message, frozen, by=by, now=now)
            # Again under the case's lock: of two of mine at once, one is the second.
            _refuse_second(message, by=by)
            made = Report.objects.create(
                case=case,
                event_id=message.event_id,
                message_id=message_id,
                reporter=by,
                reason=reason,
                details=details,
                evidence=frozen,
                status=case.status,
                outcome=case.decision,
                decided_at=case.decided_at,
                created_at=now,
            )
            audit.record(
                by=by, action="message_reported", target=made, event_id=made.event_id, case_id=case.id, reason=reason
            )
            return made


def of(person: User) -> QuerySet[Report]:
    """To be read in this person's name."""
    return Report.objects.filter(reporter=person).only(*SHOWN)


def _refuse_if_any(message: Message, *, by: User) -> None:
    me, now = access.membership(message.event_id, by=by), timezone.now()
    rules.refuse(rules.against_acting(me, now=now), me)
    revoked = Sanction.objects.filter(event=message.event_id, user=by, type="revoke_reporting", lifted_at=None)
    rules.refuse(rules.REPORTING_REVOKED if revoked.exists() else None)


def _refuse_second(message: Message, *, by: User) -> None:
    before = Report.objects.filter(message=message.id, reporter=by).first()
    if before:
        raise InvalidState(before.status, "You have reported this message already.")
