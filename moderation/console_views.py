"""What the buttons of the queue and of a case do: each calls one function, in the name of whoever pressed it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from api.errors import ApiError, InvalidState, NotFound
from api.errors import PermissionDenied as Refused
from api.fields import Body, flattened
from messaging import messages as said
from moderation import access, case_page, cases, consequences, decisions, notes, queue, sanctions, transcripts
from moderation.models import TIMED, Case, Sanction
from moderation.serializers import DecisionBody, NoteBody, ReasonBody

SELF = "admin:moderation_case_change"


def address(case_id: UUID) -> str:
    return reverse(SELF, args=[case_id])


def find(request: HttpRequest, case_id: UUID) -> access.FoundCase:
    """For whoever works on it; to all others there is none, or it is not theirs to touch."""
    try:
        found = access.find_case(case_id, by=request.user)
    except NotFound:
        if queue.visible(request.user).filter(id=case_id).exists():
            raise PermissionDenied from None
        raise Http404 from None
    if not queue.may_work(found.case, request.user):
        raise PermissionDenied
    return found


def case(request: HttpRequest, shown: Case, *, status: int = 200, **more) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Case",
        "opts": Case._meta,
        **case_page.of(shown, by=request.user),
        **more,
    }
    return render(request, "admin/moderation/case/page.html", context, status=status)


def loaded(case_id: UUID) -> Case:
    return Case.objects.select_related("event", "claimed_by", "decided_by", "evidence", "sender").get(id=case_id)


def first(refused: InvalidState, shown: Case) -> str:
    """That somebody else was first, who it was, and that what was wanted has not happened."""
    who = shown.decided_by or shown.claimed_by
    at = shown.decided_at or shown.claimed_at
    if shown.decision and who:
        what = f"{who.name} decided this case ({shown.decision})"
    elif who:
        what = f"{who.name} has claimed this case"
    else:
        what = "The case has changed since you opened it"
    when = f" at {_time(at)}" if at else ""
    return f"{what}{when}. What you chose was not done; below is how it stands now."


def _time(at) -> str:
    from django.utils import timezone

    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M")


def _deed(do: Callable[[access.FoundCase], object], request: HttpRequest, case_id: UUID, done: str) -> HttpResponse:
    """Does it and goes back to where the button was; what is refused is said there."""
    found = find(request, case_id)
    try:
        do(found)
        messages.success(request, done)
    except InvalidState as refused:
        messages.error(request, first(refused, loaded(found.case.id)))
    except Refused as refused:
        raise PermissionDenied(refused.detail) from None
    return HttpResponseRedirect(_back(request, found.case.id))


def _back(request: HttpRequest, case_id: UUID) -> str:
    wanted = request.POST.get("back", "")
    return reverse("admin:moderation_case_changelist") + wanted if wanted.startswith("?") else address(case_id)


def claim(request: HttpRequest, case_id: UUID) -> HttpResponse:
    return _deed(
        lambda found: cases.claim(found, by=request.user),
        request,
        case_id,
        "The case is yours. Hand it back if you cannot see to it.",
    )


def hand_back(request: HttpRequest, case_id: UUID) -> HttpResponse:
    return _deed(lambda found: cases.hand_back(found, by=request.user), request, case_id, "Back in the queue.")


def restore(request: HttpRequest, case_id: UUID) -> HttpResponse:
    return _deed(
        lambda found: said.restore(found.case.message_id, by=request.user),
        request,
        case_id,
        "The message is back where it stood.",
    )


def lift(request: HttpRequest, case_id: UUID, sanction_id: UUID) -> HttpResponse:
    body = _valid(ReasonBody, {"reason": request.POST.get("reason", "")})
    if isinstance(body, str):
        messages.error(request, f"Not lifted: say why. {body}")
        return HttpResponseRedirect(_back(request, case_id))
    if not Sanction.objects.filter(id=sanction_id, case=find(request, case_id).case).exists():
        raise Http404
    found = access.find_sanction(sanction_id, by=request.user)
    return _deed(
        lambda _: sanctions.lift(found, reason=body["reason"], by=request.user),
        request,
        case_id,
        "The sanction is lifted.",
    )


def note(request: HttpRequest, case_id: UUID) -> HttpResponse:
    found = find(request, case_id)
    body = _valid(NoteBody, {"content": request.POST.get("content", "")})
    if isinstance(body, str):
        return case(
            request, loaded(found.case.id), status=400, note_error=body, written=request.POST.get("content", "")
        )
    return _deed(
        lambda found: notes.add(found, content=body["content"], by=request.user), request, case_id, "The note is kept."
    )


def transcript(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """A deed, not a link: each look is asked for with its reason, and in the audit."""
    found = find(request, case_id)
    if request.user.is_staff and not request.user.has_perm("moderation.read_transcript"):
        raise PermissionDenied
    body = _valid(ReasonBody, {"reason": request.POST.get("reason", "")})
    if isinstance(body, str):
        return case(request, loaded(found.case.id), status=400, transcript_error=body)
    try:
        page = transcripts.read(found, {"limit": 50, "cursor": None}, reason=body["reason"], by=request.user)
    except InvalidState as refused:
        return case(request, loaded(found.case.id), status=409, transcript_error=refused.detail)
    return case(request, loaded(found.case.id), transcript=page["items"][::-1])


def decide(request: HttpRequest, case_id: UUID) -> HttpResponse:
    found = find(request, case_id)
    chosen = wanted(request.POST)
    body = _valid(DecisionBody, chosen)
    if isinstance(body, str):
        return case(request, loaded(found.case.id), status=400, decision_error=body, chosen=chosen)
    if consequences.are_grave(body["actions"]) and "confirmed" not in request.POST:
        return _ask_again(request, loaded(found.case.id), chosen)
    try:
        decisions.decide(found, **body, by=request.user)
    except InvalidState as refused:
        shown = loaded(found.case.id)
        return case(request, shown, status=409, conflict=first(refused, shown), chosen=chosen)
    except ApiError as refused:
        raise PermissionDenied(refused.detail) from None
    return _on(request, loaded(found.case.id))


def _on(request: HttpRequest, decided: Case) -> HttpResponse:
    done = ", ".join(action["type"].replace("_", " ") for action in decided.actions) or "nothing was done"
    messages.success(request, f"Decided: {decided.decision} ({done}). What can be undone stands below.")
    return HttpResponseRedirect(address(decided.id))


def _ask_again(request: HttpRequest, shown: Case, chosen: dict) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Do this?",
        "case": shown,
        "chosen": chosen,
        "consequences": [(consequences.BY_NAME[action["type"]], action) for action in chosen["actions"]],
    }
    return render(request, "admin/moderation/case/confirm.html", context)


def wanted(form) -> dict:
    """A decision as the form says it. A button that names actions does these and no others."""
    decision, _, named = form.get("decision", "").partition(":")
    types = named.split(",") if named else form.getlist("action") if decision == "actioned" else []
    return {
        "decision": decision,
        "actions": [_action(one, form) for one in types],
        "note": form.get("note", ""),
        "version": _number(form.get("version", "")),
    }


def _action(name: str, form) -> dict:
    """`mute`, with the hours beside it; or `mute 24`, of a button."""
    type, _, hours = name.partition(" ")
    return {"type": type, "hours": _number(hours or form.get(f"{type}_hours", ""))} if type in TIMED else {"type": type}


def _number(given: str) -> int | str:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else given


def _valid(shape: type[Body], data: dict) -> dict | str:
    """What was given in its kept form, or what is wrong with it, to be read."""
    body = shape(data=data)
    if body.is_valid():
        return body.validated_data
    return " ".join(dict.fromkeys(str(told) for _, told in flattened(body.errors, "#/")))
