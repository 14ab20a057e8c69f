"""What the old tables hold of a person, as long as they stand."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, connection, transaction

from accounts.models import User

_GONE = "This message was deleted."
# Raw, like all that goes into the old tables: they are no models.
_SENT = (
    "SELECT id, conversation_id, content, created_at FROM public.messages WHERE sender_id = %s ORDER BY created_at, id"
)
_ERASE = (
    "UPDATE public.messages SET content = %s, flagged_reason = NULL"
    " WHERE sender_id = %s AND (content <> %s OR flagged_reason IS NOT NULL)"
)


def export(user: User) -> dict[str, Any]:
    return {"old_messages": _rows(_SENT, [user.id]) if _stand() else []}


def erase(user: User) -> int:
    """Once the old tables are read-only the bridge alone writes them and tells them what is erased on the new side."""
    if not _stand():
        return 0
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_ERASE, [_GONE, user.id, _GONE])
            return cursor.rowcount
    except DatabaseError:
        return 0


def _stand() -> bool:
    """They are dropped when the bridge is retired."""
    return _rows("SELECT to_regclass('public.messages') AS found", [])[0]["found"] is not None


def _rows(statement: str, values: list) -> list[dict]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
