"""What moderators work on and look up; the work itself goes through the functions. Evidence is read-only."""

from __future__ import annotations

from uuid import UUID

import orjson
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from api.console import OnlyShown
from api.errors import InvalidState
from api.errors import PermissionDenied as Refused
from api.fields import flattened, parse_id
from events.console import EventFilter, EventShown, my_events, shown_events
from moderation import access, appeals, bulk, console_views, queue, sanctions
from moderation import rules_admin as _rules_admin  # noqa: F401  (registers)
from moderation.models import (
    REASONS,
    Appeal,
    Case,
    Decision,
    Evidence,
    Report,
    Sanction,
    TranscriptLook,
)
from moderation.serializers import AppealDecisionBody, ReasonBody


@admin.register(Case)
class CaseAdmin(EventShown):
    """The queue, and a page for each case."""

    def get_urls(self) -> list:
        def deed(name: str, view, more: str = "") -> object:
            guarded = self.admin_site.admin_view(require_POST(view))
            return path(f"<uuid:case_id>/{name}/{more}", guarded, name=f"moderation_case_{name}")

        return [
            deed("claim", console_views.claim),
            deed("hand-back", console_views.hand_back),
            deed("decide", console_views.decide),
            deed("note", console_views.note),
            deed("transcript", console_views.transcript),
            deed("restore", console_views.restore),
            deed("lift", console_views.lift, "<uuid:sanction_id>/"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._bulk(request)
        asked = queue.Asked.of(request.GET)
        # First: what it counts, the menu shows as well.
        page = queue.page(asked, by=request.user)
        context = {
            **self.admin_site.each_context(request),
            "title": "Queue",
            "opts": self.opts,
            "asked": asked,
            "page": page,
            "events": shown_events(request, self),
            "reasons": REASONS,
            "deeds": bulk.DEEDS,
            "now": timezone.now(),
            "query": request.GET.urlencode(),
            "may_work": self._may_work(request),
            "appeals": Appeal.objects.filter(status="pending", sanction__in=_sanctions(request)).count(),
        }
        return render(request, "admin/moderation/case/queue.html", context)

    def _may_work(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.work_case") or bool(my_events(request.user))

    def _bulk(self, request: HttpRequest) -> HttpResponse:
        name, picks = request.POST.get("deed", ""), bulk.picked(request.POST.getlist("picked"))
        if not self._may_work(request):
            raise PermissionDenied
        back = reverse("admin:moderation_case_changelist") + "?" + request.POST.get("query", "")
        if name not in bulk.DEEDS or not picks:
            messages.warning(request, "Nothing was picked.")
            return HttpResponseRedirect(back)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "deed": bulk.DEEDS[name], "back": back}
        if name in bulk.AT_ONCE or "confirmed" in request.POST:
            results = bulk.do(name, picks, by=request.user)
            context |= {"title": bulk.DEEDS[name].label, "results": results}
            return render(request, "admin/moderation/case/bulk_done.html", context)
        cases = queue.visible(request.user).filter(id__in=[pick.case_id for pick in picks])
        context |= {
            "title": f"{bulk.DEEDS[name].label}?",
            "name": name,
            "cases": cases.select_related("sender", "evidence", "event"),
            "picked": request.POST.getlist("picked"),
            "query": request.POST.get("query", ""),
        }
        return render(request, "admin/moderation/case/bulk_confirm.html", context)

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        known = parse_id(object_id)
        seen = queue.visible(request.user).filter(id=known) if known else Case.objects.none()
        if not seen.exists():
            raise Http404
        return console_views.case(request, console_views.loaded(known))


def _sanctions(request: HttpRequest) -> QuerySet[Sanction]:
    if request.user.has_perm("moderation.view_appeal"):
        return Sanction.objects.all()
    return Sanction.objects.filter(event_id__in=my_events(request.user))


@admin.register(Report)
class ReportAdmin(EventShown):
    list_display = ("created_at", "reason", "status", "event", "reporter", "its_case")
    list_display_links = None
    list_filter = ("status", "reason", EventFilter)
    list_select_related = ("event", "reporter")
    search_fields = ("id__exact", "message_id__exact", "reporter__username__exact")
    search_help_text = "The id of a report or message, or who reported."
    ordering = ("-id",)
    fields = (
        "id",
        "created_at",
        "event",
        "reporter",
        "reason",
        "details",
        "status",
        "outcome",
        "decided_at",
        "its_case",
    )

    @admin.display(description="case")
    def its_case(self, report: Report) -> str:
        return format_html('<a href="{}">Open the case</a>', console_views.address(report.case_id))


class Standing(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Stands now"), ("appealed", "With an appeal that waits"), ("lifted", "Lifted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "yes":
            return queryset.standing(timezone.now())
        if self.value() == "appealed":
            return queryset.filter(appeal__status="pending")
        return queryset.filter(lifted_at__isnull=False) if self.value() == "lifted" else queryset


@admin.register(Sanction)
class SanctionAdmin(EventShown):
    list_display = ("created_at", "type", "user", "event", "reason", "ends_at", "lifted_at")
    list_filter = ("type", Standing, EventFilter)
    list_select_related = ("event", "user")
    search_fields = ("id__exact", "user__username__exact")
    search_help_text = "The id of a sanction, or the username of whom it is on."
    ordering = ("-created_at", "-id")
    change_form_template = "admin/moderation/sanction/page.html"
    fields = (
        "type", "user", "event", "reason", "starts_at", "ends_at", "moderator", "its_case", "lifted_at", "lifted_by",
        "lift_reason",
    )  # fmt: skip

    def get_urls(self) -> list:
        lift = self.admin_site.admin_view(require_POST(self.lift_view))
        return [path("<uuid:sanction_id>/lift/", lift, name="moderation_sanction_lift"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("appeal", "moderator", "lifted_by", "user", "event")

    @admin.display(description="case")
    def its_case(self, sanction: Sanction) -> str:
        return format_html('<a href="{}">Open the case</a>', console_views.address(sanction.case_id))

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        sanction = self.get_object(request, object_id)
        more = {}
        if sanction is not None:
            may = queue.may_work(sanction, request.user) and sanction.user_id != request.user.id
            more = {"may_lift": may and sanctions.ended(sanction, now=timezone.now()) is None, "sanction": sanction}
        return super().change_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def lift_view(self, request: HttpRequest, sanction_id: UUID) -> HttpResponse:
        body = ReasonBody(data={"reason": request.POST.get("reason", "")})
        back = HttpResponseRedirect(reverse("admin:moderation_sanction_change", args=[sanction_id]))
        found = _found(sanction_id, request)
        if not body.is_valid():
            messages.error(request, "Say why it is lifted; other moderators read it.")
            return back
        try:
            sanctions.lift(found, reason=body.validated_data["reason"], by=request.user)
            messages.success(request, "Lifted. An appeal that waited is granted with it.")
        except InvalidState as refused:
            messages.error(request, f"Not lifted: it is {refused.extras['current_state']} already.")
        except Refused as refused:
            raise PermissionDenied(refused.detail) from None
        return back


def _found(sanction_id: UUID, request: HttpRequest) -> access.FoundSanction:
    """For whoever moderates there; to all others there is none."""
    sanction = Sanction.objects.filter(id=sanction_id).first()
    if sanction is None:
        raise Http404
    if not queue.may_work(sanction, request.user):
        raise PermissionDenied
    return access.find_sanction(sanction_id, by=request.user)


class AppealState(admin.SimpleListFilter):
    """What waits, unless something else is asked for."""

    title = "state"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("all", "All"), ("granted", "Granted"), ("rejected", "Rejected")]

    def choices(self, changelist) -> list[dict]:
        found = list(super().choices(changelist))
        found[0]["display"] = "Waiting"
        return found

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "all":
            return queryset
        return queryset.filter(status=self.value() or "pending")


@admin.register(Appeal)
class AppealAdmin(EventShown):
    event_field = "sanction__event_id"
    list_display = ("created_at", "status", "user", "sanction_type", "beginning", "decided_at")
    list_filter = (AppealState,)
    list_select_related = ("user", "sanction")
    ordering = ("created_at",)
    change_form_template = "admin/moderation/appeal/page.html"
    fields = ("status", "user", "created_at", "decided_at", "decided_by", "note")

    def get_urls(self) -> list:
        decide = self.admin_site.admin_view(require_POST(self.decide_view))
        return [path("<uuid:sanction_id>/decide/", decide, name="moderation_appeal_decide"), *super().get_urls()]

    @admin.display(description="against")
    def sanction_type(self, appeal: Appeal) -> str:
        return appeal.sanction.get_type_display()

    @admin.display(description="text")
    def beginning(self, appeal: Appeal) -> str:
        return Truncator(appeal.text).chars(60)

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        appeal = self.get_object(request, object_id)
        more = {}
        if appeal is not None:
            sanction = Sanction.objects.select_related("event", "moderator", "case__evidence").get(
                id=appeal.sanction_id
            )
            is_own = request.user.id in (sanction.moderator_id, sanction.user_id)
            more = {
                "appeal": appeal,
                "sanction": sanction,
                "text": queue.text_of(sanction.case.evidence),
                "is_own": is_own,
                "may_decide": appeal.status == "pending" and not is_own and queue.may_work(sanction, request.user),
            }
        return super().change_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def decide_view(self, request: HttpRequest, sanction_id: UUID) -> HttpResponse:
        found = _found(sanction_id, request)
        body = AppealDecisionBody(data={"decision": request.POST.get("decision"), "note": request.POST.get("note", "")})
        back = HttpResponseRedirect(reverse("admin:moderation_appeal_change", args=[sanction_id]))
        if not body.is_valid():
            messages.error(request, " ".join(told for _, told in flattened(body.errors, "#/")))
            return back
        try:
            appeals.decide(found, **body.validated_data, by=request.user)
            messages.success(request, f"The appeal is {body.validated_data['decision']}.")
        except InvalidState as refused:
            state = refused.extras["current_state"]
            messages.error(request, f"Another moderator was first: the appeal is {state} already. Nothing was changed.")
        except Refused as refused:
            raise PermissionDenied(refused.detail) from None
        return back


@admin.register(Decision)
class DecisionAdmin(EventShown):
    event_field = "case__event_id"
    list_display = ("created_at", "decision", "done", "moderator", "its_case")
    list_display_links = ("created_at",)
    list_filter = ("decision",)
    list_select_related = ("moderator", "case")
    ordering = ("-id",)
    fields = ("created_at", "decision", "done", "note", "moderator", "its_case")

    @admin.display(description="actions")
    def done(self, decision: Decision) -> str:
        return ", ".join(action["type"].replace("_", " ") for action in decision.actions) or "–"

    @admin.display(description="case")
    def its_case(self, decision: Decision) -> str:
        return format_html('<a href="{}">Open the case</a>', console_views.address(decision.case_id))


@admin.register(TranscriptLook)
class TranscriptLookAdmin(EventShown):
    event_field = "case__event_id"
    list_display = ("created_at", "moderator", "messages", "reason", "its_case")
    list_select_related = ("moderator", "case")
    ordering = ("-id",)
    fields = ("created_at", "moderator", "reason", "messages", "before", "its_case")

    @admin.display(description="case")
    def its_case(self, look: TranscriptLook) -> str:
        return format_html('<a href="{}">Open the case</a>', console_views.address(look.case_id))


@admin.register(Evidence)
class EvidenceAdmin(OnlyShown):
    """As it was frozen, with the hash that the database has checked; the text itself stands on its case's page."""

    list_display = ("frozen_at", "message_id", "shown_hash")
    search_fields = ("id__exact", "message__id__exact")
    search_help_text = "The id of a piece of evidence, or of its message."
    ordering = ("-id",)
    fields = ("id", "frozen_at", "message_id", "shown_hash", "size", "kept")

    @admin.display(description="sha256")
    def shown_hash(self, evidence: Evidence) -> str:
        return bytes(evidence.sha256).hex()

    @admin.display(description="messages kept")
    def kept(self, evidence: Evidence) -> int:
        return 1 + len(orjson.loads(evidence.body)["context"])

    @admin.display(description="bytes")
    def size(self, evidence: Evidence) -> int:
        return len(evidence.body.encode())
