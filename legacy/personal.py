"""What the old tables hold of a person, as long as they stand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import User
from messaging import personal as said_by

_GONE = "This message was deleted."
# Raw, like all that goes into the old tables: they are no models.
_SENT = (
    # A time there may be one that no date of Python is.
    "SELECT id, conversation_id, content, to_jsonb(created_at) #>> '{}' AS created_at FROM public.messages"
    " WHERE sender_id = %s ORDER BY public.messages.created_at, id"
)
# One after the other: several at once might wait for an old client that wants them the other way round.
_LEFT = "SELECT id FROM public.messages WHERE sender_id = %s AND (content <> %s OR flagged_reason IS NOT NULL)"
_ERASE = "UPDATE public.messages SET content = %s, flagged_reason = NULL WHERE id = %s"


def export(user: User) -> dict[str, Any]:
    return {"old_messages": _rows(_SENT, [user.id]) if _stand() else []}


def erase(user: User) -> int:
    """What Callboard has of it goes first, and takes along what is in step: it would take the words below for its own.
    What is left here is the bridge's own write, also where the old tables are read-only by now.
    """
    if not _stand():
        return 0
    return said_by.erase(user) + sum(_erase(row["id"]) for row in _rows(_LEFT, [user.id, _GONE]))


@transaction.atomic
def _erase(message_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('callboard.bridge', 'on', true)")
        cursor.execute(_ERASE, [_GONE, message_id])
        cursor.execute("SELECT set_config('callboard.bridge', '', true)")
        return 1


def _stand() -> bool:
    """They are dropped when the bridge is retired; a table of that name that is no messenger's is nobody's here."""
    found = _rows(
        "SELECT count(*) AS number FROM pg_attribute WHERE attrelid = to_regclass('public.messages')"
        " AND attname IN ('sender_id', 'content', 'flagged_reason') AND NOT attisdropped",
        [],
    )
    return found[0]["number"] == 3


def _rows(statement: str, values: list) -> list[dict]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
