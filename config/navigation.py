"""The console's navigation: what this person may look at, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

from django.apps import apps
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse

from moderation import queue


class Entry(NamedTuple):
    label: str
    address: str
    is_current: bool
    count: int | None = None


# In the order in which they are shown. What a person may not look at is left out, and a part with nothing in it too.
PARTS: dict[str, dict[str, str]] = {
    "Moderation": {
        "Queue": "moderation.case",
        "Appeals": "moderation.appeal",
        "Reports": "moderation.report",
        "Sanctions": "moderation.sanction",
        "Decisions": "moderation.decision",
        "Content rules": "moderation.contentrule",
        "Transcripts read": "moderation.transcriptlook",
        "Evidence": "moderation.evidence",
    },
    "Events": {
        "Events": "events.event",
        "Members": "events.membership",
        "Help requests": "events.helprequest",
        "Broadcasts": "broadcasts.broadcast",
        "Quotas": "broadcasts.quota",
    },
    "Messages": {
        "Conversations": "messaging.conversation",
        "Messages": "messaging.message",
        "Deliveries": "messaging.delivery",
        "Texts": "messaging.text",
        "Opt-outs": "messaging.optout",
        "Blocks": "events.block",
    },
    "Rollout": {
        "Alarms": "rollout.alarm",
        "What to do": "admin:rollout_alarm_runbook",
        "Doctor": "admin:rollout_alarm_doctor",
        "Flags": "rollout.flag",
        "Comparisons": "rollout.comparison",
        "Share and budget": "rollout.sampling",
    },
    "Access": {
        "People": "accounts.user",
        "Groups": "auth.group",
        "API tokens": "accounts.token",
        "Console sessions": "accounts.consolesession",
        "Second factors": "accounts.secondfactor",
        "Webhooks": "api.webhookreceiver",
        "Webhook notices": "api.webhooknotice",
        "Audit": "accounts.auditentry",
    },
}

# Pages that are not a model's list, and the right that each asks for.
PAGES = {
    "admin:rollout_alarm_runbook": "rollout.view_alarm",
    "admin:rollout_alarm_doctor": "rollout.acknowledge_alarm",
}


def of(request: HttpRequest, site: AdminSite) -> dict:
    parts = {title: _entries(request, site, models) for title, models in PARTS.items()}
    sees_queue = site._registry[_model("moderation.case")].has_view_permission(request)
    return {
        "parts": {title: entries for title, entries in parts.items() if entries},
        "is_at_dashboard": request.path_info == reverse("admin:index"),
        "waiting": queue.counts(request.user)["in_all"] if sees_queue else None,
    }


def _model(name: str):
    return apps.get_model(name)


def _entries(request: HttpRequest, site: AdminSite, shown: dict[str, str]) -> list[Entry]:
    found = {label: _address(request, site, name) for label, name in shown.items()}
    # A page below a list is an entry of its own.
    here = max((one for one in found.values() if one and request.path_info.startswith(one)), key=len, default="")
    return [Entry(label, address, address == here) for label, address in found.items() if address]


def _address(request: HttpRequest, site: AdminSite, name: str) -> str | None:
    """Of what this person may look at; None of all else."""
    if name in PAGES:
        return reverse(name) if request.user.has_perm(PAGES[name]) else None
    kept = site._registry.get(_model(name))
    if not (kept and kept.has_module_permission(request) and kept.has_view_permission(request)):
        return None
    return reverse(f"admin:{name.replace('.', '_')}_changelist")
