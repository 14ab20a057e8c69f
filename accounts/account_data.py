"""What the account itself, its tokens, sessions and traces in the admin hold of a person."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Q

from accounts.models import AuditEntry, ConsoleSession, RecoveryCode, SecondFactor, User
from accounts.personal import FORMER_MEMBER

# Answers that are kept for a day, under hashes that name nobody: found by the id in them. Bytes, which the ORM cannot
# look through; a day's rows are few, and an erasure is rare. Of others these are starts of a conversation with them:
# repeated without its answer, such a start is refused.
_ANSWERS = "DELETE FROM api_keptanswer WHERE position(convert_to(%s, 'UTF8') IN body) > 0"


def export(user: User) -> dict[str, Any]:
    audited = AuditEntry.objects.filter(Q(actor_id=user.id) | Q(object_id=str(user.id))).order_by("at", "id")
    seen = ConsoleSession.objects.filter(user=user).order_by("created_at")
    return {
        "sessions": list(seen.values("agent", "address", "created_at", "seen_at", "ended_at")),
        "account": {
            "id": user.id,
            "username": user.username,
            "name": user.name,
            "phone": user.phone,
            "avatar_url": user.avatar_url,
            "created_at": user.created_at,
            "last_login": user.last_login,
            "is_staff": user.is_staff,
            "groups": list(user.groups.values_list("name", flat=True)),
        },
        "tokens": list(
            user.tokens.order_by("created_at").values("id", "label", "created_at", "expires_at", "revoked_at")
        ),
        "audit": audited.values("at", "actor_id", "action", "object_type", "object_id", "event_id").iterator(),
    }


def erase(user: User) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, [str(user.id)])
        gone = cursor.rowcount
    for model in (ConsoleSession, SecondFactor, RecoveryCode):
        gone += model.objects.filter(user=user).delete()[0]
    return gone + _forget_sessions(user) + _forget_names(user)


def _forget_sessions(user: User) -> int:
    """Who they are of stands inside what is signed."""
    theirs = [
        session.pk
        for session in Session.objects.iterator(chunk_size=1000)
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    return Session.objects.filter(pk__in=theirs).delete()[0]


def _forget_names(user: User) -> int:
    """The admin's own history writes down what a thing was called; the username as a word of its own."""
    word = rf"(^|[^A-Za-z0-9._@+-]){re.escape(user.username)}($|[^A-Za-z0-9._@+-])"
    named = Q(object_id=str(user.id)) | Q(object_repr=user.name)
    named |= Q(object_repr__regex=word) | Q(change_message__regex=word)
    return LogEntry.objects.filter(named).update(object_repr=FORMER_MEMBER, change_message="")
