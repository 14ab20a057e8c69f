from __future__ import annotations

from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize

from api import outgoing
from api.console import ConsoleAdmin, OnlyShown, ReadOnly
from api.models import WebhookAttempt, WebhookNotice, WebhookReceiver
from api.outgoing import addresses, receivers, sending, signing


class ReceiverForm(forms.ModelForm):
    types = forms.MultipleChoiceField(
        label="Told of",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None of them means all, also those to come.",
    )

    class Meta:
        model = WebhookReceiver
        fields = ("name", "url", "types", "is_active")
        labels = {"url": "Address", "is_active": "Switched on"}
        widgets = {"name": forms.TextInput(attrs={"size": 60}), "url": forms.TextInput(attrs={"size": 80})}

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if "types" in self.fields:
            self.fields["types"].choices = [(name, name) for name in outgoing.types()]

    def clean_url(self) -> str:
        try:
            return addresses.check(self.cleaned_data["url"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(WebhookReceiver)
class WebhookReceiverAdmin(ConsoleAdmin):
    form = ReceiverForm
    list_display = ("name", "is_active", "host", "shown_types", "paused")
    list_filter = ("is_active",)
    ordering = ("name", "id")
    actions = ("change_secret", "send_test")
    readonly_fields = ("id", "secret", "old_secret_until", "paused", "created_at")
    fields = ("name", "url", "types", "is_active", *readonly_fields)

    @admin.display(description="at", ordering="url")
    def host(self, receiver: WebhookReceiver) -> str:
        return urlsplit(receiver.url).netloc

    @admin.display(description="left alone until")
    def paused(self, receiver: WebhookReceiver) -> str:
        """It did not answer, or slowly; what waits for it is tried again then."""
        is_paused = receiver.paused_until and receiver.paused_until > timezone.now()
        return localize(receiver.paused_until) if is_paused else "–"

    @admin.display(description="told of")
    def shown_types(self, receiver: WebhookReceiver) -> str:
        return ", ".join(receiver.types) or "everything"

    @admin.display(description="signing secret")
    def secret(self, receiver: WebhookReceiver) -> str:
        return "made when it is saved" if receiver._state.adding else signing.secret(receiver)

    def get_fields(self, request: HttpRequest, obj: WebhookReceiver | None = None) -> tuple:
        """Who may only look does not see what signs."""
        return tuple(
            name for name in self.fields if name != "secret" or obj is None or self.has_change_permission(request, obj)
        )

    def save_model(self, request: HttpRequest, obj: WebhookReceiver, form: ReceiverForm, change: bool) -> None:
        values = form.cleaned_data
        if change:
            kept = WebhookReceiver.objects.get(id=obj.id)
            receivers.change(kept, by=request.user, **{name: values[name] for name in form.changed_data})
        else:
            obj.pk = receivers.add(by=request.user, **values).pk

    @admin.action(description="Change the signing secret of selected", permissions=["change"])
    def change_secret(self, request: HttpRequest, queryset: QuerySet) -> None:
        for receiver in queryset:
            receivers.change_secret(receiver, by=request.user)
        self.message_user(request, "Changed. For a day the secret before signs as well.", messages.SUCCESS)

    @admin.action(description="Send a test notice to selected", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet) -> None:
        for receiver in queryset:
            receivers.send_test(receiver, by=request.user)
        self.message_user(request, "On its way; see the notices.", messages.SUCCESS)


class AttemptInline(ReadOnly, admin.TabularInline):
    model = WebhookAttempt
    # When it began is what each is called.
    fields = ("milliseconds", "status_code", "fault")
    ordering = ("id",)
    verbose_name_plural = "attempts"


@admin.register(WebhookNotice)
class WebhookNoticeAdmin(OnlyShown):
    list_display = ("created_at", "type", "status", "attempts", "next", "receiver", "delivered_at")
    list_filter = ("status", "type", "receiver", "created_at")
    list_select_related = ("receiver",)
    search_fields = ("id__exact",)
    search_help_text = "The id of a notice, which is its webhook-id."
    fields = ("id", "receiver", "type", "status", "attempts", "next", "created_at", "delivered_at", "body")
    ordering = ("-created_at", "-id")
    inlines = (AttemptInline,)
    actions = ("send_again",)

    @admin.display(description="next attempt")
    def next(self, notice: WebhookNotice) -> str:
        return localize(notice.next_attempt_at) if notice.status == WebhookNotice.Status.WAITING else "–"

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("api.change_webhooknotice")

    @admin.action(description="Send selected dead ones again", permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        revived = sum(sending.send_again(notice, by=request.user) for notice in queryset)
        self.message_user(request, f"{revived} to be sent again.", messages.SUCCESS)
