from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import Truncator

from accounts.models import User
from api.errors import ApiError
from api.fields import parse_id
from broadcasts import orders, progress, quotas
from broadcasts.models import Broadcast, Quota
from events.access import Seat
from events.console import EventFilter, EventShown, has_events
from events.models import Membership
from messaging.models import Delivery

DELIVERIES_A_PAGE = 50


@admin.register(Broadcast)
class BroadcastAdmin(EventShown):
    list_display = ("created_at", "status", "kind", "sender", "audience", "send_at", "event", "beginning")
    list_filter = ("status", "kind", "sms", "created_at", EventFilter)
    list_select_related = ("event", "sender")
    search_fields = ("id__exact", "message__id__exact", "event__slug__exact", "sender__username__exact")
    search_help_text = "The id of a broadcast or message, the slug of an event, or a username."
    list_per_page = 50
    ordering = ("-created_at", "-id")
    actions = ("cancel",)
    change_form_template = "admin/broadcasts/broadcast/page.html"
    fieldsets = (
        (None, {"fields": ("id", "event", "sender", "kind", "content", "shown_roles", "shown_tags", "sms")}),
        ("State", {"fields": ("status", "failure_reason", "audience", "message_id")}),
        ("Times", {"fields": ("created_at", "send_at", "valid_until", "published_at")}),
        ("Quota", {"fields": ("quota_phase", "quota_period", "is_refunded"), "classes": ("collapse",)}),
        ("Work", {"fields": ("upto", "lease_until", "faults", "met_maintenance"), "classes": ("collapse",)}),
    )

    @admin.display(description="roles")
    def shown_roles(self, broadcast: Broadcast) -> str:
        return ", ".join(broadcast.roles) or "all"

    @admin.display(description="tags")
    def shown_tags(self, broadcast: Broadcast) -> str:
        return ", ".join(broadcast.tags) or "any or none"

    @admin.display(description="text")
    def beginning(self, broadcast: Broadcast) -> str:
        return Truncator(broadcast.content).chars(40)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Of which, each is asked again: a moderator of its event, or whoever sent it."""
        return request.user.has_perm("broadcasts.change_broadcast") or has_events(request.user)

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        """With its deliveries, in pages by the reader's id: one range of delivery_unique, however many there are."""
        context = {"after": request.GET.get("after", "")}
        if (broadcast := self.get_object(request, object_id)) and self.has_view_permission(request, broadcast):
            context |= {"progress": progress.of(broadcast), **deliveries(broadcast, request.GET.get("after"))}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    @admin.action(description="Cancel selected that are scheduled", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet) -> None:
        cancelled = 0
        for broadcast in queryset.select_related("event"):
            mine = Membership.objects.current().filter(event=broadcast.event, user=request.user).first()
            try:
                orders.cancel(broadcast, Seat(broadcast.event, request.user, mine), by=request.user)
                cancelled += 1
            except ApiError as error:
                self.message_user(request, f"{broadcast}: {error.title}", messages.WARNING)
        if cancelled:
            self.message_user(request, f"{cancelled} cancelled.", messages.SUCCESS)


def deliveries(broadcast: Broadcast, after: str | None) -> dict:
    rows = Delivery.objects.filter(message_id=broadcast.message_id) if broadcast.message_id else Delivery.objects.none()
    if begin := parse_id(after):
        rows = rows.filter(user_id__gt=begin)
    found = list(rows.order_by("user_id")[: DELIVERIES_A_PAGE + 1])
    page = found[:DELIVERIES_A_PAGE]
    people = User.objects.in_bulk([row.user_id for row in page])
    for row in page:
        row.reader = people.get(row.user_id)
    more = urlencode({"after": page[-1].user_id}) if len(found) > DELIVERIES_A_PAGE else None
    return {"deliveries": page, "more": more}


class InUse(admin.SimpleListFilter):
    title = "used"
    parameter_name = "used"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("some", "Some used"), ("up", "Used up")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        counted = queryset.filter(counted_since__gte=quotas.last_reset(timezone.now()), used__gt=0)
        if self.value() == "up":
            return counted.filter(used=F("allowed"))
        return counted if self.value() == "some" else queryset


@admin.register(Quota)
class QuotaAdmin(EventShown):
    list_display = ("user", "event", "phase", "used_now", "limit", "counted_since")
    list_filter = ("phase", InUse, EventFilter)
    list_select_related = ("user", "event")
    search_fields = ("user__username__exact", "event__slug__exact")
    search_help_text = "A username, or the slug of an event."
    fields = ("user", "event", "phase", "used_now", "limit", "counted_since", "period")
    ordering = ("-counted_since", "-id")

    @admin.display(description="used")
    def used_now(self, quota: Quota) -> int:
        """What was used before the last reset counts no more, also where the nightly job has not come by."""
        return quota.used if quota.counted_since >= quotas.last_reset(timezone.now()) else 0

    @admin.display(description="allowed")
    def limit(self, quota: Quota) -> int | str:
        """As it was when they last sent one."""
        return "no limit" if quota.allowed is None else quota.allowed
