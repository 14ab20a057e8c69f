"""Who wrote to whom and when, and what was handed to whom; never what was written, which is read in cases."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date

from accounts.models import User
from api.console import OnlyShown, ReadOnly
from api.fields import parse_id
from api.ids import first_id
from events.console import EventFilter
from events.models import Event
from messaging.models import Conversation, Delivery, Message, Participant, Removal


class DayFilter(admin.SimpleListFilter):
    """By one day; ids are made in the order of time, so that the primary key finds it."""

    title = "day"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        today = timezone.now().astimezone(UTC).date()
        days = [today - timedelta(days=back) for back in range(14)]
        asked = _day(request.GET.get(self.parameter_name))
        return [(str(day), str(day)) for day in ([asked] if asked and asked not in days else []) + days]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        day = _day(self.value())
        if day is None:
            return queryset
        begin = datetime.combine(day, time(), UTC)
        return queryset.filter(id__gte=first_id(begin), id__lt=first_id(begin + timedelta(days=1)))


def _day(given: str | None) -> date | None:
    try:
        day = parse_date(given or "")
    except ValueError:
        return None
    return day if day and date(1970, 1, 2) <= day < date(9999, 1, 1) else None


class ParticipantInline(ReadOnly, admin.TabularInline):
    model = Participant
    fields = ("user", "joined_at", "read_at")
    readonly_fields = fields
    ordering = ("id",)
    verbose_name_plural = "participants"

    def has_view_permission(self, request: HttpRequest, obj: Conversation | None = None) -> bool:
        return request.user.has_perm("messaging.view_conversation")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("user")


@admin.register(Conversation)
class ConversationAdmin(OnlyShown):
    list_display = ("created_at", "kind", "event", "maker", "people", "last_message_at")
    list_filter = ("kind", EventFilter, DayFilter)
    list_select_related = ("event", "maker")
    # Shows the search box; get_search_results below does the looking.
    search_fields = ("id",)
    search_help_text = "The id of a conversation, or the username of somebody in it."
    ordering = ("-id",)
    fields = ("id", "kind", "event", "maker", "help_request", "people", "created_at", "last_message_at")
    inlines = (ParticipantInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Without its name, which somebody wrote."""
        inside = Participant.objects.filter(conversation=OuterRef("id")).order_by().values("conversation")
        people = Subquery(inside.annotate(n=Count("id")).values("n"))
        return super().get_queryset(request).defer("title").annotate(number=Coalesce(people, 0))

    @admin.display(description="people")
    def people(self, conversation: Conversation) -> int:
        return conversation.number

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        if found := parse_id(wanted):
            return queryset.filter(id=found), False
        person = User.objects.filter(username=wanted).values_list("id", flat=True).first()
        # By participant_user_conversation.
        return queryset.filter(id__in=Participant.objects.filter(user=person).values("conversation")), False


class TypeFilter(admin.SimpleListFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return Message.Type.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """What is said at large stands in no conversation, of which message_at_large_latest knows."""
        if self.value() == Message.Type.DIRECT:
            return queryset.filter(message_type=Message.Type.DIRECT)
        return queryset.filter(message_type=self.value(), conversation=None) if self.value() else queryset


class RemovedFilter(admin.SimpleListFilter):
    """What is held is in the queue; what its sender deleted, no index tells apart."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("removed", "Removed by a moderator")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() != "removed":
            return queryset
        return queryset.filter(id__in=Removal.objects.filter(restored_at=None).values("message"))


def state_of(message: Message) -> str:
    if message.deleted_by_kind:
        return "removed" if message.deleted_by_kind == Message.Deleter.MODERATOR else "deleted"
    return "held" if message.held_at else "visible"


@admin.register(Message)
class MessageAdmin(OnlyShown):
    list_display = ("created_at", "message_type", "event", "sender", "state", "id")
    list_filter = (TypeFilter, RemovedFilter, EventFilter, DayFilter)
    list_select_related = ("event", "sender")
    search_fields = ("id",)
    search_help_text = "The id of a message or conversation, or the username of a sender."
    ordering = ("-id",)
    fields = (
        "id", "message_type", "event", "sender", "conversation_id", "roles", "tags", "state", "created_at",
        "held_at", "deleted_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("content")

    @admin.display
    def state(self, message: Message) -> str:
        return state_of(message)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        if found := parse_id(wanted):
            return queryset.filter(conversation=found) | queryset.filter(id=found), False
        person = User.objects.filter(username=wanted).values_list("id", flat=True).first()
        # By message_own_latest, which begins with the event.
        events = Event.objects.values("id")
        return queryset.filter(sender=person, event__in=events) if person else queryset.none(), False


class TextState(admin.SimpleListFilter):
    title = "text"
    parameter_name = "text"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("asked", "With a text")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(sms_status__isnull=False) if self.value() == "asked" else queryset


@admin.register(Delivery)
class DeliveryAdmin(OnlyShown):
    list_display = ("id", "created_at", "event", "reader", "message_id", "sms_status")
    list_filter = (TextState,)
    search_fields = ("id",)
    search_help_text = "The id of a message, or the username of a reader."
    ordering = ("-id",)
    fields = ("id", "message_id", "event", "reader", "message_created_at", "created_at", "is_at_large", "sms_status")
    readonly_fields = ("is_at_large",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .annotate(
                event_name=Subquery(Event.objects.filter(id=OuterRef("event_id")).values("name")),
                username=Subquery(User.objects.filter(id=OuterRef("user_id")).values("username")),
            )
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        if found := parse_id(wanted):
            return queryset.filter(message=found), False
        if wanted.isascii() and wanted.isdigit():
            return queryset.filter(id=int(wanted[:18])), False
        person = User.objects.filter(username=wanted).values_list("id", flat=True).first()
        return queryset.filter(user=person) if person else queryset.none(), False

    @admin.display
    def event(self, delivery: Delivery) -> str:
        return delivery.event_name or "–"

    @admin.display(description="to")
    def reader(self, delivery: Delivery) -> str:
        return delivery.username or "Former member"
