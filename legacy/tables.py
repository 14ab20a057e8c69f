"""The old tables as they are found: what they lack, whether they take what the bridge writes, what stands on them."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.db import connection, transaction

from legacy import triggers
from legacy.models import Bridge

COLUMNS = {
    "conversations": ("id", "help_request_id", "requester_id", "helper_id", "status", "created_at", "updated_at"),
    "messages": (
        "id",
        "conversation_id",
        "sender_id",
        "recipient_id",
        "content",
        "message_type",
        "status",
        "read_at",
        "moderation_status",
        "is_flagged",
        "flagged_reason",
        "created_at",
        "updated_at",
    ),
}


def against_attaching(event_id: UUID) -> str | None:
    for table, wanted in COLUMNS.items():
        found = dict(
            _rows(
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
                " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
                f"public.{table}",
            )
        )
        if not found:
            return f"There is no table public.{table}. Run migrate, which makes it."
        if missing := [name for name in wanted if name not in found]:
            return f"The table {table} has no {', '.join(missing)}."
        if odd := [name for name in wanted if name.endswith("id") and found[name] != "uuid"]:
            return f"In the table {table} these are no uuid: {', '.join(odd)}."
        if not _rows(
            "SELECT FROM pg_index WHERE indrelid = to_regclass(%s) AND indisunique AND indpred IS NULL"
            " AND indkey::text = (SELECT attnum::text FROM pg_attribute WHERE attrelid = indrelid AND attname = 'id')",
            f"public.{table}",
        ):
            return f"The ids of the table {table} are not unique."
        if _rows("SELECT WHERE row_security_active(to_regclass(%s))", f"public.{table}"):
            return (
                f"Row-level security hides rows of the table {table} from the bridge: run Callboard as its owner, and"
                f" first: ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;"
            )
    return _against_foreign_keys()


def _against_foreign_keys() -> str | None:
    """Who comes by Callboard is in no table of the old system's people: what they say would be refused."""
    found = _rows(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f'"
        " AND conrelid IN ('public.messages'::regclass, 'public.conversations'::regclass)"
        " AND confrelid NOT IN ('public.messages'::regclass, 'public.conversations'::regclass) ORDER BY 1, 2"
    )
    if not found:
        return None
    drops = " ".join(f'ALTER TABLE {table} DROP CONSTRAINT "{name}";' for table, name in found)
    return f"The old tables refuse people and requests that the old system does not know. First: {drops}"


def rehearse() -> None:
    """Writes everything that the bridge writes, and takes it back; raises what the tables have against it."""
    talk, message, one, other = (str(uuid4()) for _ in range(4))
    steps = [
        (
            "INSERT INTO public.conversations (id, help_request_id, requester_id, helper_id, status, created_at,"
            " updated_at) VALUES (%s, %s, %s, %s, 'active', now(), now())",
            [talk, str(uuid4()), one, other],
        ),
        (
            "INSERT INTO public.messages (id, conversation_id, sender_id, recipient_id, content, message_type, status,"
            " moderation_status, is_flagged, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, 'Rehearsal', 'text', 'sent', 'approved', false, now(), now())",
            [message, talk, one, other],
        ),
        ("UPDATE public.messages SET content = repeat('x', 1000), read_at = now(), status = 'read'", []),
        ("UPDATE public.messages SET moderation_status = 'pending'", []),
        ("UPDATE public.messages SET moderation_status = 'removed'", []),
        ("UPDATE public.messages SET moderation_status = 'approved', status = 'deleted'", []),
        ("UPDATE public.conversations SET updated_at = now()", []),
        ("DELETE FROM public.messages", []),
        ("DELETE FROM public.conversations", []),
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        for statement, values in steps:
            if not statement.startswith("INSERT"):
                statement += " WHERE id = %s"
                values = [talk if "conversations" in statement else message]
            cursor.execute(statement, values)
        transaction.set_rollback(True)


def missing_triggers() -> list[str]:
    """Of those that a standing bridge has, what is not there or switched off, or fires for replicas alone."""
    wanted = triggers.OLD_SIDE + triggers.NEW_SIDE
    if Bridge.objects.filter(state=Bridge.State.CUT_OVER).exists():
        wanted += triggers.READ_ONLY
    fires = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    there = {name for (name,) in _rows(fires)}
    return [name for name, _ in wanted if name not in there]


def _rows(statement: str, *values) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
