"""Everything that a moderator needs to judge one case, on one page: read as the owner, for somebody who may see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import AuditEntry, User
from events.models import Membership
from messaging.models import Message
from moderation import consequences, evidence, queue
from moderation.models import Case, CaseNote, Decision, Report, RuleHit, Sanction, TranscriptLook
from moderation.states import OPEN, Status

# Of a person's history as many are shown.
SHOWN = 8
# How many entries of its audit.
STEPS = 50

_SAID = {
    "case_opened": "opened",
    "case_claimed": "claimed",
    "case_handed_back": "handed back",
    "case_reopened": "reopened",
    "case_decided": "decided",
    "case_note_added": "note added",
}


def of(case: Case, *, by: User) -> dict[str, Any]:
    message = Message.objects.get(id=case.message_id)
    frozen = evidence.shown(case.evidence, by)
    for said in (*frozen["context"], frozen["message"]):
        # Kept as text, in UTC; shown in the zone of whoever looks.
        said["at"] = datetime.fromisoformat(said["created_at"])
    is_open = case.status in OPEN
    is_mine = case.status == Status.REVIEWED and case.claimed_by_id == by.id
    may_work = queue.may_work(case, by)
    return {
        "case": case,
        "message": message,
        "evidence": frozen,
        "state": _state(message),
        # What stands there now is another text than the one that was reported.
        "is_changed": message.content != frozen["message"]["content"],
        "reports": _reports(case, by),
        "hits": RuleHit.objects.filter(case=case).select_related("rule").order_by("created_at"),
        "sender": _sender(case, by),
        "notes": CaseNote.objects.filter(case=case).select_related("author").order_by("created_at", "id"),
        "steps": _steps(case),
        "decisions": Decision.objects.filter(case=case).select_related("moderator").order_by("-created_at"),
        "sanctions": _sanctions_of_case(case),
        "looks": TranscriptLook.objects.filter(case=case).select_related("moderator").order_by("-created_at")[:SHOWN],
        "is_open": is_open,
        "is_mine": is_mine,
        "is_anothers": case.status == Status.REVIEWED and not is_mine,
        "may_work": may_work,
        "may_read_transcript": may_work and message.conversation_id is not None,
        "may_hand_back": may_work and case.status == Status.REVIEWED,
        "possible": consequences.possible(case, message),
        "may_restore": may_work and not is_open and message.deleted_by_kind == Message.Deleter.MODERATOR,
        "next_case": queue.next_after(case, by=by),
    }


def _state(message: Message) -> str:
    if message.deleted_by_kind == Message.Deleter.MODERATOR:
        return "removed"
    if message.deleted_by_kind == Message.Deleter.SENDER:
        return "deleted"
    return "held" if message.held_at else "visible"


def _reports(case: Case, by: User) -> list[dict]:
    """Each with what became of the other reports of whoever made it: by report_reporter_created_at."""
    found = list(case.reports.select_related("reporter").order_by("created_at", "id")[:100])
    others = Report.objects.filter(reporter__in={report.reporter_id for report in found}).exclude(case=case)
    if not queue.sees_all(by):
        others = others.filter(event=case.event_id)
    counted: dict[UUID, Counter] = {}
    for reporter_id, status in others.values_list("reporter_id", "status")[:5000]:
        counted.setdefault(reporter_id, Counter())[status] += 1
    return [{"report": report, "others": _told(counted.get(report.reporter_id, Counter()))} for report in found]


def _told(counted: Counter) -> str:
    if not counted:
        return "no other reports"
    open_ = counted[Status.PENDING] + counted[Status.REVIEWED]
    parts = [(counted[Status.ACTIONED], "actioned"), (counted[Status.DISMISSED], "dismissed"), (open_, "open")]
    total = sum(counted.values())
    return f"{total} other report{'s' if total != 1 else ''}: " + ", ".join(f"{n} {word}" for n, word in parts if n)


def _sender(case: Case, by: User) -> dict:
    now = timezone.now()
    cases = Case.objects.filter(sender=case.sender_id).exclude(id=case.id).select_related("event")
    sanctions = Sanction.objects.filter(user=case.sender_id).select_related("event", "moderator")
    if not queue.sees_all(by):
        cases, sanctions = cases.filter(event=case.event_id), sanctions.filter(event=case.event_id)
    statuses = Counter(cases.values_list("status", flat=True)[:1000])
    return {
        "person": User.objects.filter(id=case.sender_id).only("id", "username", "name").first(),
        "membership": Membership.objects.filter(event=case.event_id, user=case.sender_id).first(),
        "now": now,
        "cases": list(cases.order_by("-first_reported_at")[:SHOWN]),
        "cases_number": sum(statuses.values()),
        "actioned": statuses[Status.ACTIONED],
        "sanctions": [_standing(one, now) for one in sanctions.order_by("-created_at", "-id")[:SHOWN]],
    }


def _standing(sanction: Sanction, now) -> dict:
    is_over = sanction.lifted_at is not None or (sanction.ends_at is not None and sanction.ends_at <= now)
    return {"sanction": sanction, "is_standing": not is_over}


def _sanctions_of_case(case: Case) -> list[dict]:
    now = timezone.now()
    found = Sanction.objects.filter(case=case).select_related("appeal", "moderator").order_by("created_at", "id")
    return [_standing(sanction, now) for sanction in found]


def _steps(case: Case) -> list[dict]:
    """By auditentry_object_at."""
    entries = list(AuditEntry.objects.filter(object_id=str(case.id)).order_by("-at", "-id")[:STEPS])
    people = _names([entry.actor_id for entry in entries if entry.actor_id])
    return [
        {
            "at": entry.at,
            "by": people.get(entry.actor_id, "Callboard" if entry.actor_id is None else "Former member"),
            "what": _SAID.get(entry.action, entry.action.replace("_", " ")),
            "more": ", ".join(name.replace("_", " ") for name in entry.data.get("actions", [])),
        }
        for entry in entries
    ]


def _names(people: Sequence[UUID]) -> dict[UUID, str]:
    return dict(User.objects.filter(id__in=people).values_list("id", "name"))
