"""The directory: the people of an event, with a button where the table of who may write to whom allows it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people, next_of
from api import text
from api.inside import ask
from events.pages import place
from events.rules import Role

ADDRESS = "/e/{}/people"
PAGE = 60
MOST_OF_A_NAME = 100


@for_people()
def directory(request: HttpRequest, event_id: str) -> HttpResponse:
    asked = {"role": request.GET.get("role", ""), "name": words_of(request.GET)}
    found = ask(request, "GET", f"/events/{event_id}/members", **asked, cursor=request.GET.get("cursor"), limit=PAGE)
    blocked = {one["user"]["id"] for one in ask(request, "GET", "/blocks", limit=100)["items"]}
    shown = place.of(request, event_id, "people", found=found, asked=asked, roles=Role.values, blocked=blocked)
    return render(request, "events/people.html", shown)


def words_of(given: QueryDict) -> str:
    """What somebody is looked for by; a longer text is no name."""
    return text.findable(given.get("name", ""))[:MOST_OF_A_NAME].strip()


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
