"""Where a page stands: the event, what the person may do in it, and what they have not read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from api.inside import Refused, ask

NOTHING_UNREAD = {"conversations": 0, "feed": 0, "total": 0}


def of(request: HttpRequest, event_id: str, page: str, **shown: Any) -> dict:
    """What templates/people/place.html takes, with what the page itself shows."""
    return {
        "event": ask(request, "GET", f"/events/{event_id}"),
        "events": ask(request, "GET", "/events", limit=100)["items"],
        "can": ask(request, "GET", f"/events/{event_id}/capabilities"),
        "unread": unread(request, event_id),
        "page": page,
        # What scripts make further rows from.
        "blank": {},
        **shown,
    }


def unread(request: HttpRequest, event_id: str) -> dict:
    try:
        return ask(request, "GET", f"/events/{event_id}/unread")
    except Refused as refused:
        # Staff without a membership have no inbox here.
        if refused.reason != "not_member":
            raise
        return NOTHING_UNREAD


def first_event(request: HttpRequest) -> str | None:
    """The one that a person is led to who has not said which: where they became a member last."""
    found = ask(request, "GET", "/events", limit=1)["items"]
    return found[0]["id"] if found else None
