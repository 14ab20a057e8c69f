"""Reports, cases and sanctions as the API shows them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from accounts.models import User
from moderation import evidence
from moderation.models import Appeal, Case, Report, Sanction


def report(shown: Report) -> dict:
    return {
        "id": shown.id,
        "message_id": shown.message_id,
        "reason": shown.reason,
        "details": shown.details,
        "status": shown.status,
        "created_at": shown.created_at,
        "decided_at": shown.decided_at,
        "outcome": shown.outcome,
    }


def cases(shown: Sequence[Case], viewer: User) -> list[dict]:
    """As the owner: with their reports, in one query for all."""
    reports = defaultdict(list)
    said = Report.objects.filter(case__in=[case.id for case in shown]).order_by("created_at", "id")
    for case_id, *report_of_case in said.values_list("case_id", "id", "reason"):
        reports[case_id].append(report_of_case)
    return [_case(case, reports[case.id], viewer) for case in shown]


def _case(shown: Case, reports: Iterable, viewer: User) -> dict:
    reports = list(reports)
    return {
        "id": shown.id,
        "event_id": shown.event_id,
        "status": shown.status,
        "version": shown.version,
        "reasons": dict(Counter(reason for _, reason in reports)),
        "report_ids": [report_id for report_id, _ in reports],
        "first_reported_at": shown.first_reported_at,
        "claimed_by": shown.claimed_by_id,
        "claimed_at": shown.claimed_at,
        "evidence": evidence.shown(shown.evidence, viewer),
        "decision": shown.decision,
        "actions": shown.actions,
        "decided_by": shown.decided_by_id,
        "decided_at": shown.decided_at,
    }


def sanction(shown: Sanction) -> dict:
    return {
        "id": shown.id,
        "event_id": shown.event_id,
        "type": shown.type,
        "reason": shown.reason,
        "starts_at": shown.starts_at,
        "ends_at": shown.ends_at,
        "lifted_at": shown.lifted_at,
        "case_id": shown.case_id,
        "appeal": _appeal(shown),
    }


def _appeal(of: Sanction) -> dict | None:
    made: Appeal | None = getattr(of, "appeal", None)
    return made and {
        "text": made.text,
        "status": made.status,
        "created_at": made.created_at,
        "decided_at": made.decided_at,
    }
