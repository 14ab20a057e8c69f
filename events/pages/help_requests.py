"""Help requests: looked through, asked, offered help on, moved along."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people, key_of, new_key
from api.inside import Refused, ask
from events.models import HelpRequest
from events.pages import place

ADDRESS = "/e/{}/help"


@for_people("GET", "HEAD", "POST")
def board(request: HttpRequest, event_id: str) -> HttpResponse:
    """All of them; a form that was refused comes back with what was written."""
    if request.method == "GET" or request.method == "HEAD":
        return _board(request, event_id)
    given = {name: request.POST.get(name, "") for name in ("title", "details")}
    try:
        ask(request, "POST", f"/events/{event_id}/help-requests", given, key=key_of(request))
    except Refused as refused:
        return _board(request, event_id, given=given, refused=refused)
    messages.success(request, gettext("Your request is on the board."))
    return redirect(ADDRESS.format(event_id))


@for_people("POST")
def offer(request: HttpRequest, event_id: str, help_request_id: str) -> HttpResponse:
    content = request.POST.get("content", "")
    try:
        started = ask(
            request,
            "POST",
            f"/help-requests/{help_request_id}/conversations",
            {"content": content},
            key=key_of(request),
        )
    except Refused as refused:
        if refused.code == "conversation_exists":
            return redirect(f"/e/{event_id}/messages/{refused.document['conversation_id']}")
        return _board(request, event_id, offered=help_request_id, content=content, refused=refused)
    return redirect(f"/e/{event_id}/messages/{started['conversation']['id']}")


@for_people("POST")
def move(request: HttpRequest, event_id: str, help_request_id: str) -> HttpResponse:
    try:
        ask(request, "PATCH", f"/help-requests/{help_request_id}", {"status": request.POST.get("status")})
    except Refused as refused:
        messages.error(request, refused.detail)
    return redirect(f"{ADDRESS.format(event_id)}?status={request.POST.get('shown', '')}")


def _board(request: HttpRequest, event_id: str, **shown) -> HttpResponse:
    status = request.GET.get("status", "")
    found = ask(
        request, "GET", f"/events/{event_id}/help-requests", status=status, cursor=request.GET.get("cursor"), limit=30
    )
    refused = shown.get("refused")
    shown = place.of(
        request,
        event_id,
        "help",
        found=found,
        status=status,
        statuses=HelpRequest.Status.values,
        key=new_key(),
        **shown,
    )
    return render(request, "events/help_requests.html", shown, status=refused.status if refused else 200)
