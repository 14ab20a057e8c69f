"""The feed of an event, with its kinds told apart, and the way into it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people
from api.inside import Refused, ask
from events.pages import place

PAGE = 30


@for_people()
def door(request: HttpRequest) -> HttpResponse:
    """Whoever has not said which event: the latest of theirs."""
    event_id = place.first_event(request)
    if event_id is None:
        return render(request, "people/no_event.html", {"page": "inbox"})
    return redirect(f"/e/{event_id}")


@for_people()
def feed(request: HttpRequest, event_id: str) -> HttpResponse:
    shown = place.of(request, event_id, "feed")
    cursor = request.GET.get("cursor")
    try:
        found = ask(request, "GET", f"/events/{event_id}/feed", cursor=cursor, limit=PAGE)
    except Refused as refused:
        if refused.reason != "not_member":
            raise
        return render(request, "messaging/no_inbox.html", shown)
    items = found["items"]
    _mark_new(items, shown["unread"]["feed"] if not cursor else 0)
    first_catchup = next((item["message_id"] for item in items if item["is_catchup"]), None)
    newest = next((item["message_id"] for item in items), None)
    shown |= {"found": found, "first_catchup": first_catchup, "newest": newest, "is_older": bool(cursor)}
    return render(request, "messaging/feed.html", shown)


@for_people("POST")
def mark_read(request: HttpRequest, event_id: str) -> HttpResponse:
    ask(request, "POST", f"/events/{event_id}/feed/read", {"message_id": request.POST.get("message_id")})
    messages.success(request, gettext("All read."))
    return redirect(f"/e/{event_id}")


def _mark_new(items: list[dict], unread: int) -> None:
    """The newest of those that count as unread are the unread ones."""
    for item in items:
        counts = item["message_type"] != "direct" and not (
            item["is_own_message"] or item["is_deleted"] or item["is_catchup"]
        )
        item["is_new"] = counts and unread > 0
        unread -= item["is_new"]
