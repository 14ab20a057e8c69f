from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from accounts import phones
from accounts.models import User
from api.console import ConsoleAdmin, OnlyShown
from api.fields import parse_id
from events.console import EventFilter
from events.models import Event
from messaging import meta_admin as _meta_admin  # noqa: F401  (registers)
from messaging.models import OptOut, Text
from messaging.sms import ledger, optouts


class ReasonFilter(admin.SimpleListFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(reason, reason.replace("_", " ")) for reason in ledger.reasons()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class CodeFilter(admin.SimpleListFilter):
    title = "code"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("any", "Any"), *((str(code), str(code)) for code in ledger.codes())]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        if value == "any":
            return queryset.filter(code__isnull=False)
        return queryset.filter(code=int(value)) if value.isascii() and value.isdigit() else queryset


class AgeFilter(admin.SimpleListFilter):
    title = "age"
    parameter_name = "age"
    AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [
            ("hour", "Of the last hour"),
            ("day", "Of the last day"),
            ("week", "Of the last 7 days"),
            ("stuck", "On their way for over an hour"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "stuck":
            before = timezone.now() - timedelta(hours=1)
            return queryset.filter(created_at__lt=before, state__in=["queued", "sending", "unknown"])
        age = self.AGES.get(self.value() or "")
        return queryset.filter(created_at__gte=timezone.now() - age) if age else queryset


@admin.register(Text)
class TextAdmin(OnlyShown):
    list_display = (
        "delivery_id", "state", "reason", "code", "event", "reader", "phone_shown", "attempts", "created_at",
        "moved_at",
    )  # fmt: skip
    list_filter = ("state", ReasonFilter, CodeFilter, EventFilter, AgeFilter)
    search_fields = ("delivery_id",)
    search_help_text = (
        "A username, or the id of a broadcast, a message, a person, a delivery, or a text at the provider."
    )
    ordering = ("-delivery_id",)
    change_form_template = "admin/messaging/text/page.html"
    fields = (
        "delivery_id", "state", "reason", "code", "cause", "event", "reader", "phone_shown", "message_id", "sid",
        "attempts", "began_at", "next_at", "looks", "valid_until", "cost", "lease_until", "created_at", "moved_at",
    )  # fmt: skip

    def get_urls(self) -> list:
        look = path("<path:object_id>/phone/", self.admin_site.admin_view(self.phone_view), name="messaging_text_phone")
        return [look, *super().get_urls()]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        if wanted.isascii() and wanted.isdigit():
            return queryset.filter(delivery_id=int(wanted[:18])), False
        if found := parse_id(wanted):
            of_message = queryset.filter(message_id=ledger.message_of(found) or found)
            return (of_message if of_message.exists() else queryset.filter(user_id=found)), False
        if wanted[:2] in ("SM", "MM"):
            return queryset.filter(sid=wanted), False
        person = User.objects.filter(username=wanted).values_list("id", flat=True).first()
        return queryset.filter(user_id=person) if person else queryset.none(), False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .annotate(
                event_name=Subquery(Event.objects.filter(id=OuterRef("event_id")).values("name")),
                username=Subquery(User.objects.filter(id=OuterRef("user_id")).values("username")),
            )
        )

    @admin.display
    def event(self, text: Text) -> str:
        return text.event_name or "–"

    @admin.display(description="to")
    def reader(self, text: Text) -> str:
        return text.username or "Former member"

    @admin.display(description="phone")
    def phone_shown(self, text: Text) -> str:
        return ledger.masked_phone(text) or "–"

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        context = {}
        if (text := self.get_object(request, object_id)) and self.has_view_permission(request, text):
            may_look = request.user.has_perm("messaging.see_phone")
            context = {"history": ledger.history(text), "may_see_phone": may_look}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def phone_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A deed, not a link: each look is asked for, and in the audit."""
        text = self.get_object(request, object_id)
        if request.method != "POST" or text is None or not self.has_view_permission(request, text):
            raise PermissionDenied
        if not request.user.has_perm("messaging.see_phone"):
            raise PermissionDenied
        request.method = "GET"
        phone = ledger.look_at_phone(text, by=request.user)
        return self.change_view(request, object_id, extra_context={"phone": phone or "none"})


class OptOutForm(forms.ModelForm):
    class Meta:
        model = OptOut
        fields = ("phone",)

    def clean_phone(self) -> str:
        try:
            phone = phones.normalized(self.cleaned_data["phone"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        known = OptOut.objects.filter(phone=phone).first()
        if known and known.lifted_at is None and known.cause != OptOut.Cause.UNUSABLE:
            raise forms.ValidationError("This phone gets no texts already.")
        # A phone has one row for all time: what was lifted once is closed anew.
        self.instance = known or self.instance
        return phone


class Standing(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Gets no texts"), ("no", "Lifted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(lifted_at__isnull=self.value() == "yes") if self.value() in ("yes", "no") else queryset


@admin.register(OptOut)
class OptOutAdmin(ConsoleAdmin):
    form = OptOutForm
    list_display = ("masked", "cause", "since", "lifted_at")
    list_filter = ("cause", Standing)
    list_display_links = None
    search_fields = ("phone__exact",)
    search_help_text = "A whole phone, such as +4915112345678."
    ordering = ("-since", "-id")
    fields = ("phone",)
    actions = ("lift",)

    @admin.display(description="phone")
    def masked(self, optout: OptOut) -> str:
        return phones.masked(optout.phone)

    def has_change_permission(self, request: HttpRequest, obj: OptOut | None = None) -> bool:
        return False

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.change_optout")

    def save_model(self, request: HttpRequest, obj: OptOut, form: OptOutForm, change: bool) -> None:
        optouts.close_by_staff(obj.phone, by=request.user)
        obj.pk = OptOut.objects.get(phone=obj.phone).pk

    @admin.action(description="Lift selected that staff entered, or that took no texts", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet) -> None:
        lifted = sum(optouts.lift_by_staff(optout.phone, by=request.user) for optout in queryset)
        left = len(queryset) - lifted
        self.message_user(request, f"{lifted} lifted.", messages.SUCCESS if lifted else messages.WARNING)
        if left:
            self.message_user(
                request, f"{left} stay: only the phone itself takes back its STOP, by START.", messages.WARNING
            )
