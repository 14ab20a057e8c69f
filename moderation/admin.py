"""What staff look up here; the work itself goes through the functions. Evidence and decisions are read-only."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import OnlyShown
from moderation.models import Appeal, Case, ContentRule, Decision, Report, Sanction, TranscriptLook


@admin.register(Case)
class CaseAdmin(OnlyShown):
    list_display = ("first_reported_at", "status", "event", "claimed_by", "decided_by", "version")
    list_filter = ("status",)
    list_select_related = ("event", "claimed_by", "decided_by")
    search_fields = ("id__exact", "message_id__exact")
    ordering = ("first_reported_at", "id")


@admin.register(Report)
class ReportAdmin(OnlyShown):
    list_display = ("created_at", "reason", "status", "event", "reporter")
    list_filter = ("status", "reason")
    list_select_related = ("event", "reporter")
    search_fields = ("id__exact", "message_id__exact")
    ordering = ("-created_at", "-id")


@admin.register(Sanction)
class SanctionAdmin(OnlyShown):
    list_display = ("created_at", "type", "user", "event", "ends_at", "lifted_at")
    list_filter = ("type",)
    list_select_related = ("event", "user")
    search_fields = ("id__exact", "user__username__exact")
    ordering = ("-created_at", "-id")


@admin.register(Appeal)
class AppealAdmin(OnlyShown):
    list_display = ("created_at", "status", "user", "decided_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    ordering = ("created_at",)


@admin.register(Decision)
class DecisionAdmin(OnlyShown):
    list_display = ("created_at", "decision", "moderator", "case")
    list_select_related = ("moderator", "case")
    ordering = ("-created_at",)


@admin.register(TranscriptLook)
class TranscriptLookAdmin(OnlyShown):
    list_display = ("created_at", "moderator", "case", "messages")
    list_select_related = ("moderator", "case")
    ordering = ("-created_at",)


@admin.register(ContentRule)
class ContentRuleAdmin(OnlyShown):
    list_display = ("name", "kind", "outcome", "event", "is_active", "tried_at", "tried_on", "would_have_caught")
    list_filter = ("is_active", "kind", "outcome")
    list_select_related = ("event",)
    ordering = ("name", "id")
