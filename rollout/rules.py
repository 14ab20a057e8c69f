"""The conditions as Prometheus rules: from the same data, for whoever lets Prometheus tell."""

from __future__ import annotations

import yaml

from rollout import alerts
from rollout.alerts import Alert
from rollout.figures import PREFIX

RUNBOOK = "docs/runbook.md"
_HEAD = "# Made from Callboard's own conditions by `manage.py rollout rules`; change them there.\n"

# What only Prometheus can see: that nobody looks here any more.
_OF_THE_WATCH = (
    {
        "alert": "CallboardNotScraped",
        "expr": f"absent({PREFIX}counters_readable)",
        "for": "5m",
        "labels": {"severity": alerts.CRITICAL},
        "annotations": {"summary": "Callboard's /metrics does not answer."},
    },
    {
        "alert": "CallboardNotWatched",
        "expr": f"time() - max({PREFIX}alarms_looked_at_seconds) > 300",
        "labels": {"severity": alerts.CRITICAL},
        "annotations": {"summary": "Nobody has looked at Callboard's conditions for five minutes."},
    },
)


def text() -> str:
    rules = [_rule(alert) for alert in alerts.registered()]
    document = {"groups": [{"name": "callboard", "rules": [*rules, *_OF_THE_WATCH]}]}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=120)


def _rule(alert: Alert) -> dict:
    rule = {
        "alert": "Callboard" + alert.name.title().replace("_", ""),
        "expr": alert.expression or f'max({PREFIX}alarm_broken{{alarm="{alert.name}"}}) == 1',
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.description, "runbook_url": f"{RUNBOOK}#{alert.name}"},
    }
    if alert.minutes:
        rule["for"] = f"{alert.minutes}m"
    if alert.rollback:
        rule["annotations"]["rollback"] = alert.rollback
    return rule
