from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db.models import QuerySet
from django.http import HttpRequest

from api import text
from api.console import OnlyShown
from events import calendar, memberships
from events.console import EventFilter, EventScoped, EventShown
from events.models import Block, Event, HelpRequest, Membership


class EventForm(forms.ModelForm):
    class Meta:
        model = Event
        fields = ("slug", "name", "starts_at", "ends_at", "timezone", "quiet_from", "quiet_until")

    def clean_timezone(self) -> str:
        return _checked(calendar.check_timezone, self.cleaned_data["timezone"]) or self.cleaned_data["timezone"]

    def clean_name(self) -> str:
        return _checked(text.clean, self.cleaned_data["name"])


@admin.register(Event)
class EventAdmin(EventScoped):
    event_field = "id"
    form = EventForm
    list_display = ("name", "slug", "starts_at", "ends_at", "timezone", "created_at")
    search_fields = ("slug__istartswith", "name__icontains", "id__exact")
    ordering = ("-created_at", "-id")
    readonly_fields = ("id", "created_at")
    fields = ("id", "slug", "name", "starts_at", "ends_at", "timezone", "quiet_from", "quiet_until", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Event | None = None) -> tuple:
        return (*self.readonly_fields, "slug") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Event, form: EventForm, change: bool) -> None:
        if not change:
            calendar.add(obj, by=request.user)
        else:
            kept = Event.objects.get(id=obj.id)
            calendar.change(kept, by=request.user, **{name: form.cleaned_data[name] for name in form.changed_data})


class TagsField(forms.CharField):
    """One tag a line."""

    widget = forms.Textarea(attrs={"rows": 4, "cols": 40})

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value):
        lines = [line for line in super().clean(value).splitlines() if line.strip()]
        return _checked(memberships.cleaned_tags, lines)

    def has_changed(self, initial, data) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class MembershipForm(forms.ModelForm):
    tags = TagsField(required=False, help_text="One a line; they decide which channels this person sees.")

    class Meta:
        model = Membership
        fields = ("event", "user", "role", "tags")

    def clean(self) -> dict:
        """Who was removed has a row already, and may be added again: then that row is the one looked at."""
        found = super().clean()
        if self.instance._state.adding:
            removed = Membership.objects.filter(removed_at__isnull=False)
            returning = removed.filter(event=found.get("event"), user=found.get("user")).first()
            if returning:
                self.instance.pk, self.instance._state.adding = returning.pk, False
        return found


class Presence(admin.SimpleListFilter):
    title = "presence"
    parameter_name = "presence"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("current", "Member now"), ("removed", "Removed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wanted = {"current": True, "removed": False}.get(self.value())
        return queryset if wanted is None else queryset.filter(removed_at__isnull=wanted)


@admin.register(Membership)
class MembershipAdmin(EventScoped):
    form = MembershipForm
    list_display = ("user", "event", "role", "shown_tags", "joined_at", "removed_at", "muted_until", "suspended_until")
    list_filter = ("role", Presence, EventFilter)
    list_select_related = ("user", "event")
    search_fields = ("user__username__exact", "user__name__istartswith", "event__slug__exact")
    search_help_text = "A username, the beginning of a name, or the slug of an event."
    autocomplete_fields = ("event", "user")
    ordering = ("-created_at", "-id")
    actions = ("remove",)
    # Sanctions are the moderators' to give; here they are seen.
    readonly_fields = ("joined_at", "removed_at", "muted_until", "suspended_until")
    fields = ("event", "user", "role", "tags", *readonly_fields)

    @admin.display(description="tags")
    def shown_tags(self, membership: Membership) -> str:
        return ", ".join(membership.tags) or "–"

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple:
        return ("event", "user", *self.readonly_fields) if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Who was removed comes back by being added again."""
        return (obj is None or obj.removed_at is None) and super().has_change_permission(request, obj)

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"events.{get_permission_codename('change', self.opts)}")

    def save_model(self, request: HttpRequest, obj: Membership, form: MembershipForm, change: bool) -> None:
        values = {"role": form.cleaned_data["role"], "tags": form.cleaned_data["tags"]}
        if change:
            memberships.change(Membership.objects.get(id=obj.id), by=request.user, **values)
        else:
            made = memberships.add(event=obj.event, user=obj.user, by=request.user, **values)
            obj.pk = made.pk

    @admin.action(description="Remove selected from their event", permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet) -> None:
        removed = sum(memberships.remove(membership, by=request.user) for membership in queryset)
        self.message_user(request, f"{removed} removed.", messages.SUCCESS)


@admin.register(HelpRequest)
class HelpRequestAdmin(EventShown):
    list_display = ("title", "event", "requester", "status", "created_at")
    list_filter = ("status", EventFilter)
    list_select_related = ("event", "requester")
    search_fields = ("title__icontains", "requester__username__exact", "event__slug__exact", "id__exact")
    fields = ("id", "event", "requester", "title", "details", "status", "created_at")
    ordering = ("-created_at", "-id")


@admin.register(Block)
class BlockAdmin(OnlyShown):
    list_display = ("blocker", "blocked", "created_at")
    list_select_related = ("blocker", "blocked")
    search_fields = ("blocker__username__exact", "blocked__username__exact")
    fields = ("blocker", "blocked", "created_at")
    ordering = ("-created_at", "-id")


def _checked(rule, value):
    try:
        return rule(value)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
