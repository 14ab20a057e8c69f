"""Who is signed in to the console and where; each can be ended by its person, or by an administrator."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.models import ConsoleSession, User
from api.requests import client_address

KEY = "console_session"
# A session of the console ends with so long a pause; it is written down no oftener than each few minutes.
LASTS = timedelta(hours=12)
NOTED_EVERY = timedelta(minutes=5)


def note(request: HttpRequest) -> None:
    """With every page: the first makes the row, a later one says now and then that somebody is still there."""
    now = timezone.now()
    known = request.session.get(KEY)
    if known is None:
        _begin(request)
    elif known["key"] != request.session.session_key:
        # Another password gives the session another key.
        ConsoleSession.objects.filter(id=known["id"]).update(session_key=request.session.session_key, seen_at=now)
        request.session[KEY] = {**known, "key": request.session.session_key, "seen": now.timestamp()}
    elif now.timestamp() - known["seen"] > NOTED_EVERY.total_seconds():
        ConsoleSession.objects.filter(id=known["id"]).update(seen_at=now)
        request.session[KEY] = {**known, "seen": now.timestamp()}


def _begin(request: HttpRequest) -> None:
    request.session.set_expiry(int(LASTS.total_seconds()))
    if request.session.session_key is None:
        request.session.save()
    made, _ = ConsoleSession.objects.get_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": request.user,
            "agent": request.headers.get("User-Agent", "")[:200],
            "address": client_address(request)[:45],
        },
    )
    request.session[KEY] = {"id": str(made.id), "key": made.session_key, "seen": made.seen_at.timestamp()}


def live(sessions: QuerySet[ConsoleSession] | None = None) -> QuerySet[ConsoleSession]:
    """Those that would still be taken; a session that ran out, or whose password changed, ends by itself."""
    found = ConsoleSession.objects.all() if sessions is None else sessions
    standing = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    return found.filter(Exists(standing), ended_at=None)


@transaction.atomic
def end(sessions: QuerySet[ConsoleSession], *, by: User | None) -> int:
    """Their next request is at the sign-in again, in every process."""
    found = list(sessions.filter(ended_at=None).order_by("id").select_for_update(of=("self",)))
    Session.objects.filter(session_key__in=[one.session_key for one in found]).delete()
    ConsoleSession.objects.filter(id__in=[one.id for one in found]).update(ended_at=timezone.now())
    for one in found:
        audit.record(by=by, action="console_session_ended", target=one, user_id=one.user_id)
    return len(found)


def end_all(user: User, *, by: User | None) -> int:
    return end(ConsoleSession.objects.filter(user=user), by=by)


def signed_out(request: HttpRequest) -> None:
    """By the person, who leaves the session behind."""
    known = request.session.get(KEY)
    if known:
        ConsoleSession.objects.filter(id=known["id"], ended_at=None).update(ended_at=timezone.now())
