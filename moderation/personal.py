"""What moderation holds of a person. Evidence, reports and decisions stay as they are (docs/decisions.md says why)."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from moderation.models import Appeal, Report, Sanction

ERASED = "(erased)"
_REPORT = ("id", "event_id", "message_id", "reason", "details", "status", "outcome", "created_at")


def export(user: User) -> dict[str, Any]:
    reports = Report.objects.filter(reporter=user).order_by("created_at")
    sanctions = Sanction.objects.filter(user=user).order_by("created_at")
    appeals = Appeal.objects.filter(user=user).order_by("created_at")
    return {
        "reports": list(reports.values(*_REPORT)),
        "sanctions": list(sanctions.values("id", "event_id", "type", "reason", "starts_at", "ends_at", "lifted_at")),
        "appeals": list(appeals.values("sanction_id", "text", "status", "created_at", "decided_at")),
    }


def erase(user: User) -> int:
    appealed = Appeal.objects.filter(user=user).exclude(text=ERASED).update(text=ERASED, note="")
    lifted = Sanction.objects.filter(user=user, lift_reason__isnull=False).update(lift_reason=ERASED)
    return appealed + lifted
