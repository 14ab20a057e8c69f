"""Alarms in the admin: how every condition stands, its last day, who has taken it up, and what to do."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from accounts.admin import OnlyShown
from accounts.models import User
from api import doctor, documents
from rollout import alarm_charts, alarms, alerts
from rollout.models import Alarm, Reading

_ORDER = {alerts.CRITICAL: 0, alerts.WARNING: 1, alerts.INFO: 2}
_STATES = {alerts.FIRING: 0, "pending": 1, alerts.UNKNOWN: 2, alerts.OK: 3, None: 4}


@admin.register(Alarm)
class AlarmAdmin(OnlyShown):
    """The list is of those there were; the page in front of it is of now."""

    list_display = ("name", "severity", "state", "words", "began_at", "fired_at", "resolved_at", "acknowledged_by")
    list_filter = ("state", "severity")
    search_fields = ("name",)
    ordering = ("-began_at", "-id")
    fields = (
        *("name", "severity", "state", "words", "value", "began_at", "fired_at", "resolved_at"),
        *("acknowledged_at", "acknowledged_by", "note"),
    )

    @admin.display(description="acknowledged by")
    def acknowledged_by(self, alarm: Alarm) -> str:
        return _name_of(alarm.acknowledged_by_id)

    def get_urls(self) -> list:
        view = self.admin_site.admin_view
        return [
            path("history/", view(self.past), name="rollout_alarm_past"),
            path("runbook/", view(self.runbook), name="rollout_alarm_runbook"),
            path("doctor/", view(self.doctor), name="rollout_alarm_doctor"),
            path(
                "<uuid:alarm_id>/acknowledge/", view(require_POST(self.acknowledge)), name="rollout_alarm_acknowledge"
            ),
            *super().get_urls(),
        ]

    def past(self, request: HttpRequest) -> HttpResponse:
        return super().changelist_view(request, {"title": "Alarms there were"})

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        if not self.has_view_permission(request) or request.GET:
            return super().changelist_view(request, extra_context)
        rows = sorted(
            _rows(), key=lambda row: (_STATES[row["state"]], _ORDER[row["alert"].severity], row["alert"].name)
        )
        shown = {
            **self.admin_site.each_context(request),
            "title": "Alarms",
            "rows": rows,
            "loud": [row for row in rows if row["alarm"]],
            "looked_at": Reading.objects.order_by("-at").values_list("at", flat=True).first(),
            "may_acknowledge": request.user.has_perm("rollout.acknowledge_alarm"),
        }
        return render(request, "admin/rollout/alarms.html", shown)

    def acknowledge(self, request: HttpRequest, alarm_id) -> HttpResponse:
        if not request.user.has_perm("rollout.acknowledge_alarm"):
            raise PermissionDenied
        alarm = get_object_or_404(Alarm, id=alarm_id)
        try:
            alarms.acknowledge(alarm, by=request.user, note=request.POST.get("note", ""))
            self.message_user(request, f"You have taken up {alarm.name}.", messages.SUCCESS)
        except alarms.NotNow:
            self.message_user(request, "It is over, or somebody has taken it up.", messages.WARNING)
        return redirect("admin:rollout_alarm_changelist")

    def doctor(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("rollout.acknowledge_alarm"):
            raise PermissionDenied
        sections = doctor.report()
        shown = {
            **self.admin_site.each_context(request),
            "title": "Doctor",
            "sections": sections,
            "worst": doctor.worst(sections),
        }
        return render(request, "admin/rollout/doctor.html", shown)

    def runbook(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = {
            **self.admin_site.each_context(request),
            "title": "What to do when an alarm is told",
            "sections": [(alert.name, documents.section("runbook.md", alert.name)) for alert in alerts.registered()],
        }
        return render(request, "admin/rollout/runbook.html", shown)


def _rows() -> list[dict[str, Any]]:
    """Every condition as the last look found it."""
    last = Reading.objects.order_by("-at").values_list("at", flat=True).first()
    readings = {reading.name: reading for reading in Reading.objects.filter(at=last)} if last else {}
    standing, charts = alarms.open_ones(), alarm_charts.of_last_day()
    return [_row(alert, readings.get(alert.name), standing.get(alert.name), charts) for alert in alerts.registered()]


def _row(alert: alerts.Alert, reading: Reading | None, alarm: Alarm | None, charts: dict) -> dict[str, Any]:
    value = reading.value if reading else None
    return {
        "alert": alert,
        "alarm": alarm,
        "state": alarm.state if alarm else reading.state if reading else None,
        "value": None if value is None else alert.limit.shown(value) if alert.limit else f"{value:.4g}",
        "limit": alert.limit and alert.limit.shown(alert.limit.value),
        "by": _name_of(alarm.acknowledged_by_id) if alarm else "",
        "chart": charts.get(alert.name),
    }


def _name_of(person_id) -> str:
    if person_id is None:
        return ""
    return User.objects.filter(id=person_id).values_list("username", flat=True).first() or str(person_id)
