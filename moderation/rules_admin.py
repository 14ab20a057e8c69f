"""Content rules in the console: made and changed by the functions, tried on what was said, and then switched on."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from api.errors import ApiError, InvalidState
from events.console import EventFilter, EventScoped, my_events
from events.models import Event
from moderation import content_rules
from moderation.models import Case, ContentRule

FIELDS = ("name", "event", "kind", "outcome", "words", "most", "seconds")


class WordsField(forms.CharField):
    """One word or phrase a line."""

    widget = forms.Textarea(attrs={"rows": 6, "cols": 40})

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value):
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]

    def has_changed(self, initial, data) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class RuleForm(forms.ModelForm):
    words = WordsField(required=False, help_text="Blocked words: one word or phrase a line.")

    class Meta:
        model = ContentRule
        fields = FIELDS

    def clean(self) -> dict:
        values = super().clean()
        try:
            content_rules.cleaned({name: values.get(name) for name in ("words", "most") if name in values})
        except ValueError as error:
            self.add_error("words" if "word" in str(error) else "most", str(error))
        return values


@admin.register(ContentRule)
class ContentRuleAdmin(EventScoped):
    form = RuleForm
    list_display = ("name", "kind", "outcome", "event", "is_active", "tried_at", "tried_on", "would_have_caught")
    list_filter = ("is_active", "kind", "outcome", EventFilter)
    list_select_related = ("event",)
    ordering = ("name", "id")
    fields = (*FIELDS, "is_active", "tried_at", "tried_on", "would_have_caught")
    readonly_fields = ("is_active", "tried_at", "tried_on", "would_have_caught")
    change_form_template = "admin/moderation/contentrule/page.html"

    def get_urls(self) -> list:
        def deed(name: str, view) -> object:
            guarded = self.admin_site.admin_view(require_POST(view))
            return path(f"<uuid:rule_id>/{name}/", guarded, name=f"moderation_contentrule_{name}")

        return [
            deed("try", self.try_view),
            deed("on", self.on_view),
            deed("off", self.off_view),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) or bool(my_events(request.user))

    def has_change_permission(self, request: HttpRequest, obj: ContentRule | None = None) -> bool:
        if super().has_change_permission(request, obj):
            return True
        mine = my_events(request.user)
        return bool(mine) and (obj is None or obj.event_id in mine)

    def get_readonly_fields(self, request: HttpRequest, obj: ContentRule | None = None) -> tuple:
        """What a rule is about and where it counts stays: that would be another rule."""
        return ("event", "kind", *self.readonly_fields) if obj else self.readonly_fields

    def formfield_for_foreignkey(self, db_field, request: HttpRequest, **options):
        if db_field.name == "event" and not self._is_staffs(request):
            options["queryset"] = Event.objects.filter(id__in=my_events(request.user))
            options["empty_label"] = None
        elif db_field.name == "event":
            options["queryset"] = Event.objects.order_by("-created_at", "-id")
            options["empty_label"] = "Every event"
        return super().formfield_for_foreignkey(db_field, request, **options)

    def _is_staffs(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.change_contentrule")

    def get_form(self, request: HttpRequest, obj=None, change=False, **options):
        form = super().get_form(request, obj, change, **options)
        if not self._is_staffs(request) and "event" in form.base_fields:
            form.base_fields["event"].required = True
        return form

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        rule = self.get_object(request, object_id)
        more = {}
        if rule is not None:
            caught = Case.objects.filter(hits__rule=rule).order_by("-hits__created_at")[:20]
            more = {"rule": rule, "may_switch": self._may_switch(request, rule), "caught": caught}
        return super().change_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def _may_switch(self, request: HttpRequest, rule: ContentRule) -> bool:
        return request.user.has_perm("moderation.switch_contentrule") or rule.event_id in my_events(request.user)

    def save_model(self, request: HttpRequest, obj: ContentRule, form: RuleForm, change: bool) -> None:
        if change:
            kept = ContentRule.objects.get(id=obj.id)
            values = {name: form.cleaned_data[name] for name in form.changed_data if name in content_rules.CHANGEABLE}
            if values:
                content_rules.change(kept, by=request.user, **values)
        else:
            obj.pk = content_rules.add(by=request.user, **{name: form.cleaned_data[name] for name in FIELDS}).pk

    def response_change(self, request: HttpRequest, obj: ContentRule) -> HttpResponse:
        messages.info(request, "A rule that was changed is off until it has been tried again.")
        return HttpResponseRedirect(reverse("admin:moderation_contentrule_change", args=[obj.pk]))

    def _rule(self, request: HttpRequest, rule_id: UUID) -> ContentRule:
        rule = self.get_object(request, str(rule_id))
        if rule is None or not self._may_switch(request, rule):
            raise PermissionDenied
        return rule

    def _deed(self, request: HttpRequest, rule_id: UUID, do, done) -> HttpResponse:
        rule = self._rule(request, rule_id)
        try:
            result = do(rule, by=request.user)
            messages.success(request, done(result))
        except InvalidState as refused:
            messages.error(request, refused.detail)
        except ApiError as refused:
            raise PermissionDenied(refused.detail) from None
        return HttpResponseRedirect(reverse("admin:moderation_contentrule_change", args=[rule_id]))

    def try_view(self, request: HttpRequest, rule_id: UUID) -> HttpResponse:
        return self._deed(request, rule_id, content_rules.try_rule, _tried)

    def on_view(self, request: HttpRequest, rule_id: UUID) -> HttpResponse:
        return self._deed(request, rule_id, content_rules.switch_on, lambda _: "The rule is on.")

    def off_view(self, request: HttpRequest, rule_id: UUID) -> HttpResponse:
        return self._deed(request, rule_id, content_rules.switch_off, lambda _: "The rule is off.")


def _tried(trial: content_rules.Trial) -> str:
    return (
        f"Tried on {trial.tried_on} messages of the last {content_rules.LOOK_BACK.days} days: it would have caught"
        f" {trial.caught}, of {trial.senders} sender{'s' if trial.senders != 1 else ''}. Nothing was changed by it."
    )
