"""Cases: opened by a report, a removal or a content rule; claimed, handed back, reopened.

Whoever locks a case locks its message first, as whoever removes a message does: two at once wait, and never for each
other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import audit
from accounts.models import User
from api.database import acting_as, as_owner
from api.errors import InvalidState
from events.access import moderates_as_staff
from messaging import log
from messaging.models import Conversation, Message
from moderation import access, alerts, evidence, figures, states
from moderation.models import Case, ContentRule, Evidence, Report, RuleHit
from moderation.states import Status

UPDATED = "report.updated"


def open_for(message: Message, frozen: Evidence, *, by: User | None, now: datetime) -> Case:
    """The case of this message, locked: a new one, or the one that there is, which learns of a text that changed."""
    opened = Case(
        id=uuid7(),
        event_id=message.event_id,
        message_id=message.id,
        sender_id=message.sender_id,
        evidence=frozen,
        first_reported_at=now,
        waiting_since=now,
    )
    # Of many at once one makes it, and the others find it.
    Case.objects.bulk_create([opened], ignore_conflicts=True)
    case = Case.objects.select_for_update(no_key=True).get(message=message.id)
    if case.id == opened.id:
        record("case_opened", case, by=by)
        alerts.tell_opened(case)
    elif evidence.text(case.evidence) != evidence.text(frozen):
        _take_up(case, frozen, by=by, now=now)
    return case


def open_for_removal(message: Message, by: User) -> None:
    """What a moderator removed is looked at by another, unless there is a case of it already."""
    with as_owner():
        if not Case.objects.filter(message_id=message.id).exists():
            now = timezone.now()
            open_for(message, evidence.freeze(message.id, now=now), by=by, now=now)


def open_for_rules(message_id: UUID, hits: Sequence[tuple[UUID, str]]) -> None:
    """What content rules found in a message that stands."""
    now = timezone.now()
    message = Message.objects.get(id=message_id)
    case = open_for(message, evidence.freeze(message_id, now=now), by=None, now=now)
    # A rule may have been taken away meanwhile.
    there = set(ContentRule.objects.filter(id__in=[rule_id for rule_id, _ in hits]).values_list("id", flat=True))
    RuleHit.objects.bulk_create(
        [RuleHit(case=case, rule_id=rule_id, outcome=outcome) for rule_id, outcome in hits if rule_id in there],
        ignore_conflicts=True,
    )


def claim(found: access.FoundCase, *, by: User) -> Case:
    """One's own a second time does no harm; another moderator's is theirs."""
    with acting_as(by):
        access.refuse_bystander(found.me, by=by)
        with as_owner():
            case = lock(found.case)
            if case.status != Status.REVIEWED or case.claimed_by_id != by.id:
                take(case, by=by, now=timezone.now())
                tell_reporters(case)
            return case


def hand_back(found: access.FoundCase, *, by: User) -> Case:
    """Back into the queue: one's own, or as staff anybody's who is away."""
    with acting_as(by):
        access.refuse_bystander(found.me, by=by)
        with as_owner():
            case = lock(found.case)
            if case.claimed_by_id != by.id and not moderates_as_staff(by):
                raise InvalidState(case.status)
            _move(case, "hand_back", claimed_by=None, claimed_at=None, waiting_since=timezone.now())
            record("case_handed_back", case, by=by)
            tell_reporters(case)
            return case


def lock(case: Case) -> Case:
    # In the order of all who write there: the conversation, its message, and what was reported of it.
    around = Message.objects.filter(id=case.message_id).values("conversation_id")
    list(Conversation.objects.select_for_update(no_key=True).filter(id__in=around).values_list("id"))
    Message.objects.select_for_update(no_key=True).values_list("id").get(id=case.message_id)
    # Without its evidence: a join is looked at as it was before a lock was waited for, and would find no row at all
    # where the evidence has become another meanwhile.
    return Case.objects.select_for_update(no_key=True).get(id=case.id)


def take(case: Case, *, by: User, now: datetime) -> None:
    """Claims a case that is locked."""
    _move(case, "claim", claimed_by=by, claimed_at=now, waiting_since=now)
    figures.note_claim(case)
    record("case_claimed", case, by=by)


def close(case: Case, decision: str, actions: list[dict], *, by: User, now: datetime) -> None:
    """Ends a case that is locked and claimed."""
    step = "action" if decision == Status.ACTIONED else "dismiss"
    _move(case, step, decision=decision, decided_by=by, decided_at=now, actions=actions)
    figures.note_decision(case)


def queue(*, by: User, event_id: UUID | None = None) -> QuerySet[Case]:
    """What this person may work on; to be read as the owner. Raises the refusal."""
    if event_id is not None:
        me = access.membership(event_id, by=by)
        access.refuse_bystander(me, by=by)
        return Case.objects.filter(event_id=event_id)
    events = access.moderated_events(by=by)
    return Case.objects.all() if events is None else Case.objects.filter(event_id__in=events)


def main_reason(case: Case) -> str:
    """What most reports say; of equals the one that was said first."""
    said = list(case.reports.order_by("created_at", "id").values_list("reason", flat=True))
    return Counter(said).most_common(1)[0][0] if said else "other"


def tell_reporters(case: Case) -> None:
    reports = Report.objects.filter(case=case).values_list("reporter_id", "id")
    # The trigger has moved the reports along with their case.
    log.add_for_people(
        UPDATED,
        event_id=case.event_id,
        data={
            reporter_id: {"report_id": str(report_id), "status": case.status, "outcome": case.decision}
            for reporter_id, report_id in reports
        },
    )


def record(action: str, case: Case, *, by: User | None, **data) -> None:
    audit.record(by=by, action=action, target=case, event_id=case.event_id, version=case.version, **data)


def _take_up(case: Case, frozen: Evidence, *, by: User | None, now: datetime) -> None:
    """There is something new to look at: what was decided is open again, what is open has another version."""
    if case.status in states.OPEN:
        _save(case, evidence=frozen)
        return
    nobody = {"claimed_by": None, "claimed_at": None, "decision": None, "decided_by": None, "decided_at": None}
    _move(case, "reopen", evidence=frozen, waiting_since=now, actions=[], **nobody)
    record("case_reopened", case, by=by)
    alerts.tell_opened(case)
    tell_reporters(case)


def _move(case: Case, step: str, **values) -> None:
    _save(case, status=states.after(step, case.status), **values)


def _save(case: Case, **values) -> None:
    values["version"] = case.version + 1
    for name, value in values.items():
        setattr(case, name, value)
    case.save(update_fields=list(values))
