"""How pages show times, people and the words of the API."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy, ngettext

register = template.Library()

TINTS = 6
WORDS = {
    "attendee": gettext_lazy("Attendee"),
    "dealer": gettext_lazy("Dealer"),
    "mvp_dealer": gettext_lazy("MVP dealer"),
    "organizer": gettext_lazy("Organizer"),
    "moderator": gettext_lazy("Moderator"),
    "announcement": gettext_lazy("Announcement"),
    "channel": gettext_lazy("Channel"),
    "direct": gettext_lazy("Message"),
    "group": gettext_lazy("Group"),
    "help": gettext_lazy("Help"),
    "open": gettext_lazy("Open"),
    "in_progress": gettext_lazy("In progress"),
    "closed": gettext_lazy("Closed"),
    "scheduled": gettext_lazy("Scheduled"),
    "publishing": gettext_lazy("Going out"),
    "published": gettext_lazy("Published"),
    "cancelled": gettext_lazy("Cancelled"),
    "expired": gettext_lazy("Expired"),
    "failed": gettext_lazy("Failed"),
    "pending": gettext_lazy("Waiting for a moderator"),
    "reviewed": gettext_lazy("Being looked at"),
    "decided": gettext_lazy("Decided"),
    "actioned": gettext_lazy("Action was taken"),
    "dismissed": gettext_lazy("No action was needed"),
    "granted": gettext_lazy("Granted"),
    "rejected": gettext_lazy("Rejected"),
    "spam": gettext_lazy("Spam"),
    "harassment": gettext_lazy("Harassment"),
    "hate": gettext_lazy("Hate"),
    "scam": gettext_lazy("Scam"),
    "sexual": gettext_lazy("Sexual content"),
    "violence": gettext_lazy("Violence"),
    "other": gettext_lazy("Something else"),
    "warn": gettext_lazy("Warning"),
    "mute": gettext_lazy("Muted"),
    "suspend": gettext_lazy("Suspended"),
    "remove_member": gettext_lazy("Removed from the event"),
    "revoke_reporting": gettext_lazy("May not report"),
    "queued": gettext_lazy("On its way"),
    "sent": gettext_lazy("Sent"),
    "delivered": gettext_lazy("Delivered"),
    "undelivered": gettext_lazy("Not delivered"),
    "suppressed": gettext_lazy("Left out"),
    "opted_out": gettext_lazy("Wants no texts (said STOP)"),
    "no_phone": gettext_lazy("No phone number"),
    "country": gettext_lazy("Country that is not served"),
    "message_removed": gettext_lazy("The message was removed"),
    "quiet_hours": gettext_lazy("Quiet hours until it was no longer valid"),
    "spend_limit": gettext_lazy("The spending limit was reached"),
    "unusable_phone": gettext_lazy("No number for texts"),
    "unreachable": gettext_lazy("Could not be reached"),
    "filtered": gettext_lazy("Taken for spam"),
    "blocked": gettext_lazy("Blocked by their operator"),
    "our_account": gettext_lazy("Our account with the provider"),
    "no_route": gettext_lazy("No way from our number to theirs"),
    "too_long": gettext_lazy("Too long"),
    "queue_overflow": gettext_lazy("Too many at once"),
    "not_known_why": gettext_lazy("The provider does not say why"),
}
PLACEHOLDERS = {
    "This message was removed by a moderator.": gettext_lazy("This message was removed by a moderator."),
    "This message was deleted.": gettext_lazy("This message was deleted."),
}
FORMER_MEMBER = "Former member"


def parsed(moment: str | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)


def exact(moment: str | datetime) -> str:
    local = timezone.localtime(parsed(moment))
    return f"{formats.date_format(local, 'DATETIME_FORMAT')} {local.tzname()}"


def relative(moment: str | datetime, *, now: datetime | None = None) -> str:
    """Near times in words, far ones as a date."""
    then, now = parsed(moment), now or timezone.now()
    seconds = (now - then).total_seconds()
    minutes = round(abs(seconds) / 60)
    if minutes < 1:
        return gettext("just now")
    if minutes < 60:
        words = ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    elif minutes < 24 * 60:
        hours = round(minutes / 60)
        words = ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    elif minutes < 7 * 24 * 60:
        days = round(minutes / 60 / 24)
        words = ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    else:
        return formats.date_format(timezone.localtime(then), "DATE_FORMAT")
    return (gettext("%(time)s ago") if seconds > 0 else gettext("in %(time)s")) % {"time": words}


@register.filter
def moment(value: str | datetime | None) -> str:
    """Relative, the exact one on hover; a browser with JavaScript puts it into its own zone, and keeps it going."""
    if not value:
        return ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', parsed(value).isoformat(), exact(value), relative(value)
    )


@register.filter
def exactly(value: str | datetime | None) -> str:
    """The exact time, where that is what counts."""
    if not value:
        return ""
    shown = exact(value)
    return format_html('<time datetime="{}" data-exact title="{}">{}</time>', parsed(value).isoformat(), shown, shown)


@register.filter
def exactly_in(value: str | datetime | None, zone: str) -> str:
    """The exact time in the zone of the event, whoever reads it; in their own on hover."""
    if not value:
        return ""
    local = timezone.localtime(parsed(value), ZoneInfo(zone))
    shown = f"{formats.date_format(local, 'DATETIME_FORMAT')} {local.tzname()}"
    return format_html(
        '<time datetime="{}" data-fixed title="{}">{}</time>', parsed(value).isoformat(), exact(value), shown
    )


@register.filter
def word(value: str | None) -> str:
    """What the API calls it, as people do."""
    return WORDS.get(value, value or "")


@register.filter
def said(message: dict) -> str:
    """The text of a message, or what stands in its place."""
    content = message.get("content", "")
    return PLACEHOLDERS.get(content, content) if message.get("is_deleted") else content


@register.filter
def called(name: str) -> str:
    return gettext("Former member") if name == FORMER_MEMBER else name


@register.filter
def initials(name: str) -> str:
    parts = [part for part in name.split() if part[0].isalnum()] or [name or "?"]
    return (parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")).upper()


@register.filter
def tint(person_id: str | None) -> int:
    """One of a few colours, always the same for a person."""
    return int(str(person_id)[-2:], 16) % TINTS if person_id else 0


@register.filter
def get(mapping: dict | None, name: str):
    return (mapping or {}).get(name)


# Drawn here, as lines of one width: no font and no file to fetch for them.
ICONS = {
    "feed": "M4 5h16M4 12h16M4 19h10",
    "messages": "M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-7l-5 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z",
    "people": "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-3.3 2.7-5.5 6-5.5s6 2.2 6 5.5"
    "M16 4.5a3.5 3.5 0 0 1 0 6.5M17.5 14.8c2.1.7 3.5 2.6 3.5 5.2",
    "help": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.6 9.3a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.2 1-1.2 1.9M12 17h.01",
    "desk": "M4 10v4a1 1 0 0 0 1 1h2l2.5 5H12l-1.5-5H12l7 3V6l-7 3H5a1 1 0 0 0-1 1z",
    "you": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 21c.4-4 3.500-6 7.500-6s7.100 2 7.500 6",
    "more": "M5 12h.01M12 12h.01M19 12h.01",
    "send": "M4 12 20 4l-5 16-3.500-6.500zM11.500 13.500 20 4",
    "back": "M15 5l-7 7 7 7",
    "down": "M6 9l6 6 6-6",
    "phone": "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2",
    "tag": "M4 4h7l9 9-7 7-9-9zM8 8h.01",
    "clock": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
    "chart": "M4 20h16M7 16v-5M12 16V6M17 16V9",
    "shield": "M12 3l7 3v5c0 4.500-3 8-7 10-4-2-7-5.500-7-10V6z",
    "document": "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
    "pulse": "M3 12h4l3-7 4 14 3-7h4",
    "plus": "M12 5v14M5 12h14",
    "check": "M5 12.500l4.500 4.500L19 7",
    "upload": "M12 16V4M7 9l5-5 5 5M4 20h16",
    "exit": "M14 4H6v16h8M10 12h10M17 9l3 3-3 3",
}


@register.simple_tag
def icon(name: str) -> str:
    """Beside words that say the same, so hidden from whoever listens."""
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>', ICONS[name])
