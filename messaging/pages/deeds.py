"""What is done with one message: deleted by whoever wrote it, or reported."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people, key_of, new_key, next_of
from api.inside import Refused, ask
from events.pages import place

REASONS = ("spam", "harassment", "hate", "scam", "sexual", "violence", "other")


@for_people("POST")
def delete(request: HttpRequest, event_id: str, message_id: str) -> HttpResponse:
    try:
        ask(request, "DELETE", f"/messages/{message_id}")
        messages.success(request, gettext("The message is deleted."))
    except Refused as refused:
        messages.error(request, refused.detail)
    return redirect(next_of(request, f"/e/{event_id}"))


@for_people("GET", "HEAD", "POST")
def report(request: HttpRequest, event_id: str, message_id: str) -> HttpResponse:
    back = next_of(request, f"/e/{event_id}")
    given = {name: request.POST.get(name, "") for name in ("reason", "details")}
    refused = None
    if request.method == "POST":
        try:
            body = {name: value for name, value in given.items() if value.strip() or name == "reason"}
            ask(request, "POST", f"/messages/{message_id}/reports", body, key=key_of(request))
            messages.success(request, gettext("Thank you. A moderator will look at it; you will hear what came of it."))
            return redirect(back)
        except Refused as caught:
            refused = caught
    shown = place.of(
        request, event_id, "report", reasons=REASONS, given=given, refused=refused, back=back, key=new_key(),
        message_id=message_id,
    )  # fmt: skip
    return render(request, "messaging/report.html", shown, status=refused.status if refused else 200)
