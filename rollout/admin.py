from __future__ import annotations

from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import BooleanField, F, Func, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import path, reverse

from accounts.models import AuditEntry, User
from api.console import ConsoleAdmin, OnlyShown
from api.fields import parse_id
from events.models import Event, Membership
from events.rules import Role
from rollout import adoption, alarm_admin, budget, charts, flags, names, read_models, trend  # noqa: F401
from rollout.forms import FlagForm, SamplingForm
from rollout.models import Comparison, Flag, Sampling

HISTORY_SHOWN = 50
PEOPLE_SHOWN = 100


@admin.register(Flag)
class FlagAdmin(ConsoleAdmin):
    """Flags are made by migrations; here they are turned. `flags.change` does it, and keeps who and when."""

    form = FlagForm
    list_display = ("name", "reach", "note")
    search_fields = ("name",)
    autocomplete_fields = ("users", "groups")

    @admin.display(description="who has it")
    def reach(self, flag: Flag) -> str:
        return {True: "everyone", False: "nobody (switched off)", None: f"{flag.percent:.1f} %"}[flag.everyone]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Flag | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Flag, form: FlagForm, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        flags.change(obj.name, by=request.user, **values)

    def save_related(self, request: HttpRequest, form: FlagForm, formsets: list, change: bool) -> None:
        """`save_model` has set the lists too."""

    def changeform_view(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except flags.Refused as refused:
            # The form found nothing against it, and then the budget was spent.
            self.message_user(request, f"Not raised: {refused}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context=None) -> HttpResponse:
        flag = self.get_object(request, object_id)
        more = {} if flag is None else {**_who_is_in(flag, request), "changes": _history(flag), **_standing(flag)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})


def _standing(flag: Flag) -> dict:
    found = adoption.of(flag.name)
    return {
        "adoption": found,
        "charts": adoption.charts(found) if found and any(day.counts for day in found.days) else [],
        "is_moot": flag.name == names.MESSAGES_READMODEL_V2 and read_models.live() == read_models.V2,
        "against_raising": flags.against_raising(flag.name),
    }


def _who_is_in(flag: Flag, request: HttpRequest) -> dict:
    """The members of the event that is chosen, as its members' requests would find it."""
    event = Event.objects.filter(id=_chosen(request)).first()
    found = {"events": Event.objects.order_by("-created_at")[:100], "chosen": event}
    if event is None:
        return found
    is_in = Func(Value(flag.name), F("event_id"), F("user_id"), function="rollout_is_on", output_field=BooleanField())
    members = Membership.objects.current().filter(event=event).annotate(is_in=is_in)
    people = members.filter(is_in=True).select_related("user").order_by("user__username")
    page = Paginator(people, PEOPLE_SHOWN).get_page(request.GET.get("page"))
    return {**found, "members": members.count(), "people": page}


def _chosen(request: HttpRequest) -> UUID | None:
    return parse_id(request.GET.get("event", ""))


def _history(flag: Flag) -> list[dict]:
    entries = AuditEntry.objects.filter(object_id=str(flag.pk), object_type=flag._meta.label_lower)
    shown = list(entries.order_by("-at", "-id")[:HISTORY_SHOWN])
    people = User.objects.in_bulk({entry.actor_id for entry in shown if entry.actor_id})
    return [
        {
            "at": entry.at,
            "by": people.get(entry.actor_id) or entry.actor_id or "Command line",
            # The database keeps an object's members in an order of its own.
            "what": [_said(*change) for change in sorted(entry.data.items(), key=_place)] or ["added"],
        }
        for entry in shown
    ]


def _place(change: tuple) -> tuple:
    field = change[0].rsplit("_", 1)[0]
    order = [*flags.FIELDS, *flags.LISTS]
    return (order.index(field) if field in order else len(order), change[0])


_WORDS = {True: "on", False: "off", None: "by share and list"}


def _said(field: str, value) -> str:
    if field == "note":
        return "note changed"
    if field.endswith(("_added", "_removed")):
        kind, deed = field.rsplit("_", 1)
        return f"{len(value)} {kind} {deed}"
    was, became = (_WORDS.get(part, part) if isinstance(part, bool | None) else part for part in value)
    return f"{'share' if field == 'percent' else field}: {was} → {became}"


class Mismatched(admin.SimpleListFilter):
    title = "mismatches"
    parameter_name = "mismatched"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Some"), ("no", "None")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "yes":
            return queryset.filter(mismatches__gt=0)
        return queryset.filter(mismatches=0) if self.value() == "no" else queryset


class RoleFilter(admin.SimpleListFilter):
    """Those there are in an event; which of them were compared would take a look at every comparison."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return Role.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(role=self.value()) if self.value() in Role.values else queryset


@admin.register(Comparison)
class ComparisonAdmin(OnlyShown):
    list_display = ("at", "origin", "role", "in_both", "mismatches", "explained", "only_v2", "v1_ms", "v2_ms")
    list_filter = ("origin", RoleFilter, Mismatched)
    search_fields = ("event_id__exact", "person_id__exact")
    search_help_text = "The id of an event or a person."
    ordering = ("-at", "-id")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        found = parse_id(wanted)
        return (queryset.filter(event_id=found) | queryset.filter(person_id=found)) if found else queryset.none(), False

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        found = trend.of_last_day()
        sampling, standing, live = budget.overview()
        more = {
            "title": "Both read models compared",
            "trend": found,
            "charts": [charts.agreement(found), charts.latency(found)] if found.slots else [],
            "budget": standing,
            "live": live,
            "sampling": sampling,
            "may_change_sampling": request.user.has_perm("rollout.change_sampling"),
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def get_urls(self) -> list:
        afresh = self.admin_site.admin_view(self.count_afresh)
        return [path("count-afresh/", afresh, name="rollout_count_afresh"), *super().get_urls()]

    def count_afresh(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("rollout.change_sampling"):
            raise PermissionDenied
        if request.method == "POST":
            budget.count_afresh(by=request.user)
            self.message_user(request, "Mismatches are counted afresh from now on.", messages.SUCCESS)
        return redirect("admin:rollout_comparison_changelist")


@admin.register(Sampling)
class SamplingAdmin(ConsoleAdmin):
    """The one row; its list leads to it."""

    form = SamplingForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Sampling | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Sampling, form: SamplingForm, change: bool) -> None:
        budget.change(by=request.user, **{name: form.cleaned_data[name] for name in form.changed_data})

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        return redirect(reverse("admin:rollout_sampling_change", args=[budget.settings().pk]))
