from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from api.fields import parse_id
from events.console import has_events, shown_events
from moderation import dashboard


def dashboard_page(request: HttpRequest, context: dict) -> HttpResponse:
    """What this person may look at; a figure whose list they may not open is not drawn."""
    found = dashboard.scope(request.user, parse_id(request.GET.get("event", "")))
    may, mine = request.user.has_perm, has_events(request.user) and not request.user.is_staff
    more = {"title": "Dashboard", "events": shown_events(request), "chosen": found.only, "charts": []}
    if mine or may("moderation.view_case"):
        more |= {"queue": dashboard.queue(found), "offenders": dashboard.offenders(found), "sees_cases": True}
        more["charts"] += [more["queue"]["ages"], dashboard.reports(found), dashboard.times(found)]
    if may("messaging.view_message"):
        more["charts"].append(dashboard.messages(found))
    if mine or may("broadcasts.view_quota"):
        more["charts"].append(dashboard.quota(found))
    if may("messaging.view_text"):
        more["charts"].append(dashboard.texts(found))
    return render(request, "admin/dashboard.html", {**context, **more})
