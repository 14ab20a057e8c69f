from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import audit, audit_export, console_sessions, people, phones, second_factor, tokens
from accounts.forms import NewPersonForm, PersonForm, SignInForm
from accounts.models import AuditEntry, ConsoleSession, SecondFactor, Token, User
from api.console import ConsoleAdmin, OnlyShown
from api.fields import parse_id

admin.site.login_form = SignInForm

# Who holds one of these could give themselves every other right.
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class PersonAdmin(ConsoleAdmin, UserAdmin):
    form = PersonForm
    add_form = NewPersonForm
    list_display = ("username", "name", "masked_phone", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username__istartswith", "name__icontains", "phone__exact", "id__exact")
    ordering = ("username",)
    readonly_fields = ("id", "created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("id", "username", "password")}),
        ("Person", {"fields": ("name", "phone", "avatar_url")}),
        ("Rights", {"fields": ("is_active", *POWERS)}),
        ("Times", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "name", "phone", "usable_password", "password1", "password2"),
            },
        ),
    )

    @admin.display(description="phone")
    def masked_phone(self, user: User) -> str:
        return phones.masked(user.phone) or "–"

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> tuple:
        """Who may only look sees no whole phone, and nothing of a password."""
        found = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return found
        instead = {"phone": "masked_phone", "password": None}
        return tuple(
            (title, {**part, "fields": tuple(filter(None, (instead.get(name, name) for name in part["fields"])))})
            for title, part in found
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_above and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            audit.record(by=request.user, action="user_changed", target=obj, fields=form.changed_data)
        else:
            audit.record(by=request.user, action="user_created", target=obj)

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        # Django's view redirects exactly when the password was changed.
        if request.method == "POST" and isinstance(response, HttpResponseRedirect):
            people.password_changed(self.get_object(request, id), by=request.user)
        return response


class TokenState(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("live", "Live"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return getattr(queryset, self.value())() if self.value() in ("live", "expired", "revoked") else queryset


@admin.register(Token)
class TokenAdmin(OnlyShown):
    list_display = ("user", "label", "state", "created_at", "expires_at", "revoked_at")
    list_filter = (TokenState,)
    list_select_related = ("user",)
    search_fields = ("user__username__exact", "id__exact")
    fields = ("id", "user", "label", "state", "created_at", "expires_at", "revoked_at")
    ordering = ("-created_at", "-id")
    actions = ("revoke",)

    @admin.display
    def state(self, token: Token) -> str:
        return token.state

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_token")

    @admin.action(description="Revoke selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        if "confirmed" in request.POST:
            ended = tokens.revoke_all(queryset, by=request.user)
            self.message_user(request, f"{ended} revoked.", messages.SUCCESS)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Revoke tokens",
            "opts": self.opts,
            "tokens": queryset.live().select_related("user"),
            "selected": request.POST.getlist(admin.helpers.ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "accounts/revoke_tokens.html", context)


@admin.register(AuditEntry)
class AuditEntryAdmin(OnlyShown):
    list_display = ("at", "action", "actor", "object_type", "object_id", "event_id")
    list_filter = ("at", "action")
    # Shows the search box; get_search_results below does the looking.
    search_fields = ("object_id",)
    search_help_text = "The id of an object, a person or an event; or somebody's username."
    actions = ("export",)
    fields = ("at", "action", "actor", "actor_id", "object_type", "object_id", "event_id", "data")
    ordering = ("-at", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        actor = User.objects.filter(id=OuterRef("actor_id")).values("username")
        return super().get_queryset(request).annotate(actor_username=Subquery(actor))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        found = Q(object_id=wanted)
        person_or_event = parse_id(wanted)
        if person_or_event is None:
            person_or_event = User.objects.filter(username=wanted).values_list("id", flat=True).first()
        if person_or_event:
            found |= Q(actor_id=person_or_event) | Q(event_id=person_or_event) | Q(object_id=str(person_or_event))
        return queryset.filter(found), False

    @admin.action(description="Export selected entries as CSV", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet) -> StreamingHttpResponse:
        """What stands in the list now; that it was taken out is an entry as well."""
        exported = queryset.filter(at__lte=timezone.now())
        audit.record(by=request.user, action="audit_exported", target=request.user, entries=exported.count())
        response = StreamingHttpResponse(audit_export.lines(exported), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response

    @admin.display
    def actor(self, entry: AuditEntry) -> str:
        return entry.actor_username or entry.actor_id or "Callboard"


class SessionState(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("live", "Live"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "live":
            return console_sessions.live(queryset)
        return queryset.filter(ended_at__isnull=False) if self.value() == "ended" else queryset


@admin.register(ConsoleSession)
class ConsoleSessionAdmin(OnlyShown):
    list_display = ("user", "created_at", "seen_at", "address", "ended_at")
    list_filter = (SessionState,)
    list_select_related = ("user",)
    search_fields = ("user__username__exact",)
    search_help_text = "A username."
    fields = ("id", "user", "created_at", "seen_at", "address", "agent", "ended_at")
    ordering = ("-id",)
    actions = ("end",)

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_consolesession")

    @admin.action(description="End selected sessions", permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet) -> None:
        ended = console_sessions.end(queryset, by=request.user)
        self.message_user(request, f"{ended} ended.", messages.SUCCESS)


@admin.register(SecondFactor)
class SecondFactorAdmin(OnlyShown):
    """Who has one; its key is shown to nobody."""

    list_display = ("user", "created_at", "confirmed_at")
    list_select_related = ("user",)
    search_fields = ("user__username__exact",)
    search_help_text = "A username."
    fields = ("user", "created_at", "confirmed_at")
    readonly_fields = fields
    ordering = ("-created_at",)
    actions = ("reset",)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_secondfactor")

    @admin.action(description="Reset selected: they set up another at their next sign-in", permissions=["reset"])
    def reset(self, request: HttpRequest, queryset: QuerySet) -> None:
        people_above = queryset.filter(user__is_superuser=True) if not request.user.is_superuser else queryset.none()
        if people_above.exists():
            self.message_user(request, "That of a superuser is a superuser's to reset.", messages.ERROR)
            return
        done = sum(second_factor.reset(factor.user, by=request.user) for factor in queryset.select_related("user"))
        self.message_user(request, f"{done} reset, and their sessions ended.", messages.SUCCESS)


admin.site.unregister(Group)


@admin.register(Group)
class ConsoleGroupAdmin(ConsoleAdmin, GroupAdmin):
    """Which right a group gives is in the audit like everything else."""

    def save_related(self, request: HttpRequest, form, formsets, change: bool) -> None:
        with transaction.atomic():
            super().save_related(request, form, formsets, change)
            held = form.instance.permissions.values_list("codename", flat=True)
            audit.record(
                by=request.user,
                action="group_changed" if change else "group_created",
                target=form.instance,
                permissions=sorted(held),
            )
