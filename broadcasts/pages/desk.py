"""The desk itself: broadcasts of the event and the quota; one that is written, and one that goes out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people, key_of, new_key
from api.errors import ApiError
from api.fields import parse_id
from api.inside import Refused, ask
from broadcasts import statistics
from broadcasts.models import Broadcast
from broadcasts.pages import advice
from events import roster
from events.pages import place

ADDRESS = "/e/{}/desk"
EXCLUSIONS = ("opted_out", "no_phone", "not_member", "suspended", "country", "spend_limit")
PAGE = 20


@for_people()
def door(request: HttpRequest) -> HttpResponse:
    """To the desk of the latest event in which there is one for this person."""
    for event in ask(request, "GET", "/events", limit=100)["items"]:
        can = ask(request, "GET", f"/events/{event['id']}/capabilities")
        if can["broadcast_quota"] or can["can_moderate"]:
            return redirect(ADDRESS.format(event["id"]))
    return redirect("/inbox")


@for_people()
def desk(request: HttpRequest, event_id: str) -> HttpResponse:
    found = ask(
        request, "GET", f"/events/{event_id}/broadcasts",
        cursor=request.GET.get("cursor"), status=request.GET.get("status", ""), limit=PAGE,
    )  # fmt: skip
    shown = place.of(request, event_id, "desk", part="broadcasts", found=found)
    for broadcast in found["items"]:
        _sum_up(broadcast)
    return render(request, "broadcasts/desk.html", shown)


@for_people("GET", "HEAD", "POST")
def compose(request: HttpRequest, event_id: str) -> HttpResponse:
    """Written, looked at, and sent: `step` says which button it was."""
    if request.method != "POST":
        return _compose(request, event_id, {"kind": "announcement"})
    event = ask(request, "GET", f"/events/{event_id}")
    body, errors = order_of(request, event)
    if errors or request.POST.get("step") != "send":
        return _compose(request, event_id, body, errors=errors, wants_look=not errors)
    try:
        accepted = ask(request, "POST", f"/events/{event_id}/broadcasts", body, key=key_of(request))
    except Refused as refused:
        return _compose(request, event_id, body, refused=refused)
    messages.success(request, gettext("Scheduled.") if accepted["send_at"] else gettext("It is going out."))
    return redirect(f"{ADDRESS.format(event_id)}/broadcasts/{accepted['id']}")


@for_people()
def broadcast(request: HttpRequest, event_id: str, broadcast_id: str) -> HttpResponse:
    found = ask(request, "GET", f"/broadcasts/{broadcast_id}")
    if found["event_id"] != event_id:
        return redirect(f"{ADDRESS.format(found['event_id'])}/broadcasts/{broadcast_id}")
    _sum_up(found)
    lost = statistics.failures(parse_id(found["message_id"])) if found["message_id"] and found["sms"] else []
    shown = place.of(
        request, event_id, "desk", part="broadcasts", one=found, failures=[advice.on(row) for row in lost],
        key=new_key(), reason=advice.why(found["failure_reason"]),
        states=Broadcast.Status.values,
    )  # fmt: skip
    return render(request, "broadcasts/broadcast.html", shown)


@for_people("POST")
def cancel(request: HttpRequest, event_id: str, broadcast_id: str) -> HttpResponse:
    try:
        ask(request, "POST", f"/broadcasts/{broadcast_id}/cancel", key=key_of(request))
        messages.success(request, gettext("Called off. Its unit of the quota is yours again."))
    except Refused as refused:
        messages.error(request, refused.detail)
    return redirect(f"{ADDRESS.format(event_id)}/broadcasts/{broadcast_id}")


def order_of(request: HttpRequest, event: dict) -> tuple[dict, dict[str, list[str]]]:
    """The body of the call as the form says it; errors only of what a form has and the API has not."""
    given, errors = request.POST, {}
    body = {
        "kind": given.get("kind", ""),
        "content": given.get("content", ""),
        "roles": given.getlist("roles"),
        "tags": [tag for tag in [*given.getlist("tags"), *given.get("more_tags", "").split(",")] if tag.strip()],
        "sms": "sms" in given,
        "confirm": "confirm" in given,
    }
    for name, is_wanted in (("send_at", given.get("when") == "later"), ("valid_until", True)):
        local = given.get(name, "").strip()
        if is_wanted and (local or name == "send_at"):
            try:
                body[name] = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(event["timezone"])).isoformat()
            except ValueError:
                errors[name] = [gettext("Give a date and a time.")]
    return body, errors


def _compose(request: HttpRequest, event_id: str, body: dict, *, errors=None, refused=None, wants_look=False):
    preview = None
    if wants_look:
        try:
            preview = ask(request, "POST", f"/events/{event_id}/broadcasts/preview", body)
        except Refused as caught:
            refused = caught
    if refused and refused.code == "confirmation_required":
        preview = refused.document["preview"]
    shown = place.of(
        request, event_id, "desk", part="compose", body=body, preview=preview, refused=refused, key=new_key(),
        errors={**(errors or {}), **(refused.errors if refused else {})}, local=request.POST,
        needs_confirmation=bool(refused and refused.code == "confirmation_required"),
        known_tags=place_tags(request, event_id), exclusions=EXCLUSIONS,
    )  # fmt: skip
    return render(request, "broadcasts/compose.html", shown, status=refused.status if refused else 200)


def place_tags(request: HttpRequest, event_id: str) -> list[str]:
    """All that are in use, to whoever looks after members; one's own to anybody else."""
    try:
        return roster.tags_in_use(roster.access(UUID(event_id), by=request.user))
    except ApiError:
        return ask(request, "GET", f"/events/{event_id}")["tags"]


def _sum_up(broadcast: dict) -> None:
    """Shares of the whole, for the bar."""
    progress = broadcast["progress"]
    broadcast["of"] = max(broadcast["audience"] or 0, progress["total"])
    at = 0
    broadcast["bar"] = []
    for name in ("delivered", "sent", "queued", "failed", "suppressed"):
        share = 100 * progress[name] / broadcast["of"] if broadcast["of"] else 0
        broadcast["bar"].append({"name": name, "number": progress[name], "at": f"{at:.2f}", "share": f"{share:.2f}"})
        at += share
