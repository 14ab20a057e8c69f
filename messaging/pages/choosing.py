"""Whom one writes to: people found by name, for a conversation that begins or a group that stands already."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.pages.frame import for_people, key_of, new_key
from api.fields import parse_id
from api.inside import Refused, ask
from events.pages import place
from events.pages.people import words_of
from messaging import conversations
from messaging.pages import threads

PAGE = 50
# Where few can be written to, pages of the list are gone through until there is something to choose from.
ENOUGH, MOST_PAGES = 25, 20
MOST_CHOSEN = 100
# The buttons of the form that look for people and send nothing.
LOOKING = {"find", "more"}


@for_people("GET", "HEAD", "POST")
def new(request: HttpRequest, event_id: str) -> HttpResponse:
    if request.method != "POST":
        return _new(request, event_id)
    to, content, title = request.POST.getlist("to"), request.POST.get("content", ""), request.POST.get("title", "")
    if LOOKING & request.POST.keys():
        return _new(request, event_id, content=content, title=title, is_looking=True)
    body = {"recipient_id": to[0]} if len(to) == 1 else {"recipient_ids": to, **({"title": title} if title else {})}
    try:
        started = ask(
            request, "POST", f"/events/{event_id}/conversations", {**body, "content": content}, key=key_of(request)
        )
    except Refused as refused:
        if refused.code == "conversation_exists":
            # Two people have one conversation: what was to begin it is said in it.
            return threads.send(request, event_id, refused.document["conversation_id"], content)
        return _new(request, event_id, content=content, title=title, refused=refused)
    return redirect(f"/e/{event_id}/messages/{started['conversation']['id']}")


@for_people("GET", "HEAD", "POST")
def invite(request: HttpRequest, event_id: str, conversation_id: str) -> HttpResponse:
    """Who may come into a group, one after the other."""
    address = f"/e/{event_id}/messages/{conversation_id}"
    if request.method == "POST":
        try:
            body = {"user_id": request.POST.get("user_id")}
            ask(request, "POST", f"/conversations/{conversation_id}/participants", body, key=key_of(request))
            messages.success(request, gettext("Added to the group."))
        except Refused as refused:
            return threads.group_refused(request, event_id, conversation_id, refused)
        return redirect(address)
    conversation = ask(request, "GET", f"/conversations/{conversation_id}")
    if not conversations.is_maker(parse_id(conversation["id"]), by=request.user):
        return redirect(address)
    threads.named(conversation, request)
    shown = place.of(request, event_id, "messages", conversation=conversation, words=words_of(request.GET))
    shown |= _reachable(request, event_id, shown["can"], shown["words"], request.GET.get("cursor"))
    inside = {person["user_id"] for person in conversation["participants"]}
    shown["people"] = [one for one in shown["people"] if one["user_id"] not in inside]
    return render(request, "messaging/invite.html", {**shown, "key": new_key()})


def _new(request: HttpRequest, event_id: str, *, is_looking: bool = False, **shown) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    chosen = _chosen(request, event_id, given.getlist("to"))
    refused = shown.get("refused")
    # Whom an address names, or a form that came back: there is nobody to choose any more.
    is_settled = len(chosen) == 1 and not is_looking and not (refused and refused.errors.get("recipient_ids"))
    shown |= {"chosen": chosen, "is_settled": is_settled, "key": new_key(), "words": words_of(given)}
    shown = threads.beside_list(request, event_id, **shown)
    if not is_settled:
        shown |= _reachable(request, event_id, shown["can"], shown["words"], request.POST.get("more"))
        wanted = {one["user_id"] for one in chosen}
        shown["people"] = [one for one in shown["people"] if one["user_id"] not in wanted]
    return render(request, "messaging/new.html", shown, status=refused.status if refused else 200)


def _chosen(request: HttpRequest, event_id: str, ids: list[str]) -> list[dict]:
    known = [one for one in ids if parse_id(one)][:MOST_CHOSEN]
    if not known:
        return []
    return ask(request, "GET", f"/events/{event_id}/members", user_id=",".join(known), limit=MOST_CHOSEN)["items"]


def _reachable(request: HttpRequest, event_id: str, can: dict, words: str, cursor: str | None) -> dict:
    """Some of those whom the person may write to, the newest first, and where the others begin."""
    roles = can["can_message_roles"]
    if not roles:
        return {"people": [], "next_cursor": None}
    path, people = f"/events/{event_id}/members", []
    role = roles[0] if len(roles) == 1 else ""
    for _ in range(MOST_PAGES):
        page = ask(request, "GET", path, role=role, name=words, cursor=cursor, limit=PAGE)
        people += [one for one in page["items"] if one["can_message"]]
        cursor = page["next_cursor"]
        if cursor is None or len(people) >= ENOUGH:
            break
    return {"people": people, "next_cursor": cursor}
