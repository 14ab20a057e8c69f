"""The members of an event at the organizer's desk: found, tagged many at once, brought in from a file."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext

from accounts.pages.frame import for_people, said
from api import pages, wording
from api.errors import ApiError, ValidationError
from api.fields import parse_id
from api.pages import PageQuery
from events import roster
from events.access import Seat
from events.pages import place
from events.provision import Unreadable
from events.rules import Role

ADDRESS = "/e/{}/desk/members"
PAGE = 50
MOST_BYTES = 2 * 1024 * 1024
MOST_SHOWN = 200


@for_people("GET", "HEAD", "POST")
def members(request: HttpRequest, event_id: str) -> HttpResponse:
    seat = roster.access(UUID(event_id), by=request.user)
    if request.method != "POST":
        return _members(request, event_id, seat)
    chosen = [user_id for value in request.POST.getlist("user_id") if (user_id := parse_id(value))]
    add, remove = (request.POST.get(name, "").split(",") for name in ("add", "remove"))
    try:
        number = roster.tag(seat, chosen, add=add, remove=remove, by=request.user)
    except ValidationError as error:
        return _members(request, event_id, seat, refused=said(error), chosen=set(chosen))
    words = ngettext("%(n)s member has other tags now.", "%(n)s members have other tags now.", number)
    messages.success(request, words % {"n": number})
    return redirect(f"{ADDRESS.format(event_id)}?{request.GET.urlencode()}")


@for_people("GET", "HEAD", "POST")
def bring(request: HttpRequest, event_id: str) -> HttpResponse:
    """A file is looked at first; what was looked at comes along with the second step, and is checked again."""
    seat = roster.access(UUID(event_id), by=request.user)
    if request.method != "POST":
        return _bring(request, event_id, content="")
    content, wrong = _content(request)
    is_last_step = request.POST.get("step") == "bring"
    try:
        if not wrong and is_last_step:
            done = roster.bring(seat, content.encode(), by=request.user)
            messages.success(request, _told(done))
            return redirect(ADDRESS.format(event_id))
        look = None if wrong else roster.look(seat, content.encode())
    except Unreadable as unreadable:
        look, wrong = None, wording.of(str(unreadable))
    except ApiError as error:
        look, wrong = None, said(error).detail
    return _bring(request, event_id, content=content, look=look, wrong=wrong)


def _members(request: HttpRequest, event_id: str, seat: Seat, **shown) -> HttpResponse:
    asked = {name: request.GET.get(name, "")[:100] for name in ("words", "role", "tag")}
    query = {"limit": PAGE, "cursor": _cursor(request)}
    found = pages.page(roster.members(seat, **asked), query, lambda row: row)
    refused = shown.get("refused")
    shown = place.of(
        request, event_id, "desk", part="members", found=found, asked=asked, roles=Role.values,
        known_tags=roster.tags_in_use(seat), given=request.POST, **shown,
    )  # fmt: skip
    return render(request, "broadcasts/members.html", shown, status=refused.status if refused else 200)


def _cursor(request: HttpRequest):
    field = PageQuery(data={"cursor": request.GET["cursor"]} if "cursor" in request.GET else {})
    return field.validated_data["cursor"] if field.is_valid() else None


def _bring(request: HttpRequest, event_id: str, *, content: str, look=None, wrong: str = "") -> HttpResponse:
    shown = place.of(request, event_id, "desk", part="members", content=content, look=look, wrong=wrong)
    if look:
        shown |= {
            "left_out": _left_out(look),
            "errors": [{name: wording.of(text) for name, text in error.items()} for error in look.refused],
            "counts": [(outcome, look.number(outcome)) for outcome in ("added", "changed", "unchanged")],
            "rows": [(wording.of(row.where), row) for row in look.rows if row.outcome != "unchanged"][:MOST_SHOWN],
        }
    return render(request, "broadcasts/bring.html", shown, status=422 if wrong else 200)


def _content(request: HttpRequest) -> tuple[str, str]:
    """What was chosen or pasted, and what is wrong with it."""
    chosen = request.FILES.get("file")
    if chosen and chosen.size > MOST_BYTES:
        return "", gettext("The file is too large: two megabytes are enough for tens of thousands of members.")
    if chosen:
        try:
            return chosen.read().decode("utf-8-sig"), ""
        except UnicodeDecodeError:
            return "", gettext("The file is not UTF-8. Save it again as “CSV UTF-8”.")
    content = request.POST.get("content", "")
    return content, "" if content.strip() else gettext("Choose a file, or paste its lines.")


def _told(done: roster.Look) -> str:
    return gettext("Brought in: %(added)s new, %(changed)s changed, %(refused)s refused.") % {
        "added": done.number("added"),
        "changed": done.number("changed"),
        "refused": _left_out(done),
    }


def _left_out(look: roster.Look) -> int:
    """Lines, of which one may have several things wrong."""
    return len({each["pointer"].partition(",")[0] for each in look.refused})
