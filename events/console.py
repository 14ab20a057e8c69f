"""What organizers and event moderators find in the console: their own events, and nothing of any other."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from api.console import ConsoleAdmin, ReadOnly
from api.fields import parse_id
from events import rules
from events.models import Event, Membership

EVENTS_SHOWN = 50


def my_events(person: User) -> list[UUID]:
    """Those that this person moderates now; asked once for each request, which has a person of its own."""
    known = person.__dict__.get("console_events")
    if known is None:
        now = timezone.now()
        mine = Membership.objects.current().filter(user=person, role__in=rules.MAY_MODERATE)
        known = [one.event_id for one in mine if rules.against_moderating(one, now=now) is None]
        person.__dict__["console_events"] = known
    return known


def has_events(person: User) -> bool:
    return bool(my_events(person))


class EventScoped(ConsoleAdmin):
    """Staff by permission see all of it; whoever moderates an event sees what is of that event."""

    # Where a row says which event it is of.
    event_field = "event_id"

    def sees_all(self, request: HttpRequest) -> bool:
        return super().has_view_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or has_events(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if self.sees_all(request):
            return True
        mine = my_events(request.user)
        return bool(mine) if obj is None else self.event_of(obj) in mine

    def event_of(self, obj: Model) -> UUID | None:
        for part in self.event_field.split("__"):
            obj = getattr(obj, part)
        return obj

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows if self.sees_all(request) else rows.filter(**{f"{self.event_field}__in": my_events(request.user)})


class EventShown(ReadOnly, EventScoped):
    pass


class EventFilter(admin.SimpleListFilter):
    """By one event, among the latest; of those that this person sees."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(str(event.id), event.name) for event in shown_events(request, model_admin)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wanted = parse_id(self.value())
        field = getattr(self.model_admin, "event_field", "event_id")
        return queryset.filter(**{field: wanted}) if wanted else queryset

    def __init__(self, request, params, model, model_admin):
        self.model_admin = model_admin
        super().__init__(request, params, model, model_admin)


def shown_events(request: HttpRequest, model_admin: admin.ModelAdmin | None = None) -> list[Event]:
    events = Event.objects.order_by("-created_at", "-id").only("id", "name")
    sees_all = model_admin.sees_all(request) if isinstance(model_admin, EventScoped) else request.user.is_staff
    if not sees_all:
        events = events.filter(id__in=my_events(request.user))
    return list(events[:EVENTS_SHOWN])
