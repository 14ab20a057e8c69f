"""Conversations: the list of them, and one with its messages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.pages.frame import for_people, key_of, new_key
from api import wording
from api.fields import parse_id
from api.inside import Refused, ask
from events.pages import place
from messaging import conversations

PAGE = 40


@for_people()
def threads(request: HttpRequest, event_id: str) -> HttpResponse:
    return render(request, "messaging/threads.html", beside_list(request, event_id))


@for_people("GET", "HEAD", "POST")
def thread(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    """One conversation; sending is a form. What was refused comes back with its text."""
    if request.method != "POST":
        return _thread(request, event_id, conversation_id)
    return send(request, event_id, conversation_id, request.POST.get("content", ""))


@for_people("POST")
def take_out(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    try:
        ask(request, "DELETE", f"/conversations/{conversation_id}/participants/{request.POST.get('user_id', '')}")
    except Refused as refused:
        return group_refused(request, event_id, conversation_id, refused)
    return redirect(f"/e/{event_id}/messages/{conversation_id}")


@for_people("POST")
def leave(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    ask(request, "DELETE", f"/conversations/{conversation_id}/participants/{request.user.id}")
    return redirect(f"/e/{event_id}/messages")


def send(request: HttpRequest, event_id: str, conversation_id: str, content: str) -> HttpResponse:
    try:
        path = f"/conversations/{conversation_id}/messages"
        ask(request, "POST", path, {"content": content}, key=key_of(request))
    except Refused as refused:
        return _thread(request, event_id, conversation_id, content=content, refused=refused)
    return redirect(f"/e/{event_id}/messages/{conversation_id}#end")


def group_refused(request: HttpRequest, event_id: str, conversation_id: str, refused: Refused) -> HttpResponse:
    return _thread(request, event_id, conversation_id, group_refused=refused, refused_status=refused.status)


def _thread(request: HttpRequest, event_id: str, conversation_id: str, **shown) -> HttpResponse:
    conversation = ask(request, "GET", f"/conversations/{conversation_id}")
    if conversation["event_id"] != event_id:
        return redirect(f"/e/{conversation['event_id']}/messages/{conversation_id}")
    found = ask(
        request, "GET", f"/conversations/{conversation_id}/messages", cursor=request.GET.get("cursor"), limit=PAGE
    )
    found["items"].reverse()
    _group(found["items"])
    named(conversation, request)
    reason = conversation["reply_reason"]
    shown |= {
        "conversation": conversation,
        "found": found,
        "is_older": "cursor" in request.GET,
        "why_not": reason and wording.told({"code": "permission_denied", "reason": reason, "detail": reason}),
        "read_by": _readers(conversation, found["items"], request),
        "key": new_key(),
        "mine": str(request.user.id),
    }
    if conversation["kind"] == "group" and conversation["can_reply"]:
        # Only the maker of a group is shown how others come into it and out.
        shown["is_maker"] = conversations.is_maker(parse_id(conversation["id"]), by=request.user)
    refused = shown.get("refused")
    return render(
        request,
        "messaging/thread.html",
        beside_list(request, event_id, **shown),
        status=refused.status if refused else shown.get("refused_status", 200),
    )


def beside_list(request: HttpRequest, event_id: str, **shown) -> dict:
    path, cursor = "/conversations", request.GET.get("more")
    try:
        listed = ask(request, "GET", path, event=event_id, cursor=cursor, limit=40)
    except Refused as refused:
        if refused.reason != "not_member":
            raise
        listed = {"items": [], "next_cursor": None}
    for conversation in listed["items"]:
        named(conversation, request)
    return place.of(request, event_id, "messages", listed=listed, **shown)


def named(conversation: dict, request: HttpRequest) -> None:
    """What a conversation is called by this person: its title, or the others in it."""
    others = [person for person in conversation["participants"] if person["user_id"] != str(request.user.id)]
    conversation["others"] = others
    conversation["partner"] = others[0] if len(others) == 1 else None
    conversation["tinted"] = conversation["partner"]["user_id"] if conversation["partner"] else conversation["id"]
    conversation["name"] = conversation["title"] or ", ".join(person["name"] for person in others[:4])


def _group(items: list[dict]) -> None:
    """One after the other from one person stand together, under one name."""
    before = None
    for item in items:
        item["goes_on"] = before is not None and before["sender_id"] == item["sender_id"] and _is_soon(before, item)
        before = item


def _is_soon(before: dict, item: dict) -> bool:
    """Within the same minutes, as the beginning of the time says: no need to read it."""
    return before["created_at"][:15] == item["created_at"][:15]


def _readers(conversation: dict, items: list[dict], request: HttpRequest) -> dict[str, list[str]]:
    """By message: who of the others has read as far as this one of mine, and no further of mine."""
    mine = [item["id"] for item in items if item["is_own_message"]]
    order = {item["id"]: place for place, item in enumerate(items)}
    readers: dict[str, list[str]] = {}
    for person in conversation["participants"]:
        place = order.get(person["last_read_message_id"])
        if person["user_id"] == str(request.user.id) or place is None:
            continue
        read = [message_id for message_id in mine if order[message_id] <= place]
        if read:
            readers.setdefault(read[-1], []).append(person["name"])
    return readers
