"""The directory: the people of an event, with a button where the table of who may write to whom allows it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people, next_of
from api.inside import ask
from events.pages import place
from events.rules import Role

ADDRESS = "/e/{}/people"


@for_people()
def directory(request: HttpRequest, event_id: str) -> HttpResponse:
    role = request.GET.get("role", "")
    found = ask(request, "GET", f"/events/{event_id}/members", role=role, cursor=request.GET.get("cursor"), limit=60)
    blocked = {one["user"]["id"] for one in ask(request, "GET", "/blocks", limit=100)["items"]}
    shown = place.of(request, event_id, "people", found=found, role=role, roles=Role.values, blocked=blocked)
    return render(request, "events/people.html", shown)


@for_people("POST")
def block(request: HttpRequest, event_id: str, user_id: str) -> HttpResponse:
    ask(request, "PUT", f"/users/{user_id}/block")
    messages.success(request, gettext("Blocked. Neither of you can write to the other alone; they are not told."))
    return redirect(next_of(request, ADDRESS.format(event_id)))


@for_people("POST")
def unblock(request: HttpRequest, user_id: str) -> HttpResponse:
    ask(request, "DELETE", f"/users/{user_id}/block")
    messages.success(request, gettext("No longer blocked."))
    return redirect(next_of(request, "/you"))
