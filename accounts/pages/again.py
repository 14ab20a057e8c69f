"""A form that came too late, or from a page too old: what was written comes back, to be sent once more by its writer.

Nothing is kept here for that: it goes along in the page.
"""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control

from api.views import form_refused as refused_outright

# What only its own page could know, or what is asked for anew.
NOT_KEPT = ("csrfmiddlewaretoken", "kept", "password")
# What people wrote themselves, to be recognized by.
WRITTEN = ("content", "title", "details", "text")

ELSEWHERE = ("/admin", "/api", "/sign-in")


def kept(request: HttpRequest) -> str:
    """What a form said, as a field of another one."""
    fields = [[name, value] for name, values in request.POST.lists() if name not in NOT_KEPT for value in values]
    return json.dumps({"action": request.get_full_path(), "fields": fields})


def offer(request: HttpRequest, what: str, *, status: int = 200) -> HttpResponse | None:
    """The page that sends it again by a button; None where that is no form of ours."""
    try:
        found = json.loads(what)
        action, fields = str(found["action"]), [(str(name), str(value)) for name, value in found["fields"]]
    except (ValueError, TypeError, KeyError):
        return None
    if not action.startswith("/") or action.startswith(("//", "/\\")):
        return None
    texts = [value for name, value in fields if name in WRITTEN and value.strip()]
    shown = {"action": action, "fields": fields, "texts": texts}
    response = render(request, "people/again.html", shown, status=status)
    patch_cache_control(response, private=True, no_store=True)
    return response


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Whoever signed in again in another window has a page here whose mark is no longer good. What the browser itself
    calls a form of this site is given back; everything else is refused."""
    is_ours = request.headers.get("Sec-Fetch-Site") == "same-origin" and not request.path_info.startswith(ELSEWHERE)
    if is_ours and request.user.is_authenticated and not request.FILES:
        return offer(request, kept(request), status=403)
    return refused_outright(request, reason)
