"""What a person looks up about themselves: their reports, sanctions on them, whom they block, their language."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people, key_of, new_key
from api.inside import Refused, ask


@for_people()
def you(request: HttpRequest) -> HttpResponse:
    return _you(request)


@for_people("POST")
def appeal(request: HttpRequest, sanction_id: str) -> HttpResponse:
    text = request.POST.get("text", "")
    try:
        ask(request, "POST", f"/sanctions/{sanction_id}/appeal", {"text": text}, key=key_of(request))
    except Refused as refused:
        return _you(request, appealed=sanction_id, text=text, refused=refused)
    messages.success(request, gettext("Your appeal is with the moderators."))
    return redirect("/you")


def _you(request: HttpRequest, **shown) -> HttpResponse:
    shown |= {
        "me": ask(request, "GET", "/me"),
        "events": ask(request, "GET", "/events", limit=100)["items"],
        "blocks": ask(request, "GET", "/blocks", limit=100)["items"],
        "reports": ask(request, "GET", "/reports", limit=20)["items"],
        "sanctions": ask(request, "GET", "/sanctions", limit=20)["items"],
        "page": "you",
        "key": new_key(),
    }
    refused = shown.get("refused")
    return render(request, "events/you.html", shown, status=refused.status if refused else 200)
