"""More complaints than usual after a step of the rollout: reports of the last hour, while a step is fresh."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import AuditEntry
from rollout import alerts, steps
from rollout.alerts import CRITICAL, Finding, measured, most

MOST_REPORTS = 10
LATELY = timedelta(hours=1)
# So long a step may be what people complain of.
FRESH = timedelta(hours=24)


def reports_after_a_step() -> Finding:
    now = timezone.now()
    step = steps.last_forward()
    if step is None or now - step > FRESH:
        return measured(None, "no step of a rollout within a day")
    since = max(step, now - LATELY)
    # By auditentry_action_at; reports themselves have no index by time alone.
    number = AuditEntry.objects.filter(action="message_reported", at__gt=since).count()
    return measured(number, f"{number} reports since {since:%H:%M}, after the step of {step:%Y-%m-%d %H:%M} UTC")


def register() -> None:
    alerts.register(
        "reports_after_step",
        "More than 10 reports in an hour after a step of the rollout.",
        reports_after_a_step,
        severity=CRITICAL,
        limit=most(MOST_REPORTS, "reports"),
        rollback="manage.py waffle_flag NAME --deactivate, or manage.py feed swap --to v1: whichever step it was",
    )
