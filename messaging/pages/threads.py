"""Conversations: the list of them, one with its messages, and a new one."""

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
# How far somebody is looked for whom an address names: the directory leads here with their role.
MOST_PAGES = 20


@for_people()
def threads(request: HttpRequest, event_id: str) -> HttpResponse:
    return render(request, "messaging/threads.html", _shown(request, event_id))


@for_people("GET", "HEAD", "POST")
def thread(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    """One conversation; sending is a form. What was refused comes back with its text."""
    if request.method != "POST":
        return _thread(request, event_id, conversation_id)
    content = request.POST.get("content", "")
    try:
        path = f"/conversations/{conversation_id}/messages"
        ask(request, "POST", path, {"content": content}, key=key_of(request))
    except Refused as refused:
        return _thread(request, event_id, conversation_id, content=content, refused=refused)
    return redirect(f"/e/{event_id}/messages/{conversation_id}#end")


@for_people("GET", "HEAD", "POST")
def new(request: HttpRequest, event_id: str) -> HttpResponse:
    if request.method != "POST":
        return _new(request, event_id)
    to, content, title = request.POST.getlist("to"), request.POST.get("content", ""), request.POST.get("title", "")
    body = {"recipient_id": to[0]} if len(to) == 1 else {"recipient_ids": to, **({"title": title} if title else {})}
    try:
        started = ask(
            request, "POST", f"/events/{event_id}/conversations", {**body, "content": content}, key=key_of(request)
        )
    except Refused as refused:
        if refused.code == "conversation_exists":
            return _into_standing(request, event_id, refused.document["conversation_id"], content)
        return _new(request, event_id, content=content, title=title, refused=refused)
    return redirect(f"/e/{event_id}/messages/{started['conversation']['id']}")


@for_people("POST")
def invite(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    try:
        body = {"user_id": request.POST.get("user_id")}
        ask(request, "POST", f"/conversations/{conversation_id}/participants", body, key=key_of(request))
    except Refused as refused:
        return _thread(request, event_id, conversation_id, group_refused=refused, refused_status=refused.status)
    return redirect(f"/e/{event_id}/messages/{conversation_id}")


@for_people("POST")
def take_out(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    try:
        ask(request, "DELETE", f"/conversations/{conversation_id}/participants/{request.POST.get('user_id', '')}")
    except Refused as refused:
        return _thread(request, event_id, conversation_id, group_refused=refused, refused_status=refused.status)
    return redirect(f"/e/{event_id}/messages/{conversation_id}")


@for_people("POST")
def leave(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    ask(request, "DELETE", f"/conversations/{conversation_id}/participants/{request.user.id}")
    return redirect(f"/e/{event_id}/messages")


def _into_standing(request: HttpRequest, event_id: str, conversation_id: str, content: str) -> HttpResponse:
    """Two people have one conversation: what was to begin it is said in it."""
    try:
        path = f"/conversations/{conversation_id}/messages"
        ask(request, "POST", path, {"content": content}, key=key_of(request))
    except Refused as refused:
        return _thread(request, event_id, conversation_id, content=content, refused=refused)
    return redirect(f"/e/{event_id}/messages/{conversation_id}#end")


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
        shown |= _of_maker(request, event_id, conversation)
    refused = shown.get("refused")
    return render(
        request,
        "messaging/thread.html",
        _shown(request, event_id, **shown),
        status=refused.status if refused else shown.get("refused_status", 200),
    )


def _of_maker(request: HttpRequest, event_id: str, conversation: dict) -> dict:
    """What only the maker of a group is shown: whom they may take out, and whom they may let in."""
    if not conversations.is_maker(parse_id(conversation["id"]), by=request.user):
        return {}
    inside = {person["user_id"] for person in conversation["participants"]}
    members = _members(request, event_id, [], "")
    invitable = [one for one in members if one["can_message"] and one["user_id"] not in inside]
    return {"is_maker": True, "invitable": invitable}


def _shown(request: HttpRequest, event_id: str, **shown) -> dict:
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


def _new(request: HttpRequest, event_id: str, **shown) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    wanted = given.getlist("to")
    members = _members(request, event_id, wanted, given.get("role", ""))
    chosen = [one for one in members if one["user_id"] in wanted]
    others = [one for one in members if one["can_message"]]
    shown |= {"chosen": chosen, "others": others, "wanted": wanted, "key": new_key(), "is_group": len(chosen) != 1}
    refused = shown.get("refused")
    return render(
        request, "messaging/new.html", _shown(request, event_id, **shown), status=refused.status if refused else 200
    )


def _members(request: HttpRequest, event_id: str, wanted: list[str], role: str) -> list[dict]:
    """The first page of those who can be written to; further, until those are found whom the address names."""
    members, cursor = [], None
    for _ in range(MOST_PAGES):
        page = ask(request, "GET", f"/events/{event_id}/members", cursor=cursor, limit=100, role=role)
        members += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or {one["user_id"] for one in members}.issuperset(wanted):
            break
    return members


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
