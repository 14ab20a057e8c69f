"""The cast with the bridge attached to their event, and the old side as an old client writes it."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import connection

from legacy import bridge
from messaging.models import Message
from tests.messaging.conftest import as_api, everything, group, help_request  # noqa: F401


def rows(statement: str, *values) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


class OldSide:
    """Writes by SQL, as a client that has never heard of Callboard."""

    def talk(self, requester, helper, request: UUID | None = None, **values) -> UUID:
        return self._insert(
            "conversations",
            {"requester_id": _id(requester), "helper_id": _id(helper), "help_request_id": request, **values},
        )

    def say(self, talk: UUID | None, sender, recipient, content: str | None = "Hello", **values) -> UUID:
        people = {"sender_id": _id(sender), "recipient_id": _id(recipient)}
        return self._insert("messages", {"conversation_id": talk, **people, "content": content, **values})

    def set(self, message: UUID, **values) -> None:
        assigned = ", ".join(f"{name} = %s" for name in values)
        rows(f"UPDATE messages SET {assigned} WHERE id = %s", *values.values(), message)

    def drop(self, message: UUID) -> None:
        rows("DELETE FROM messages WHERE id = %s", message)

    def row(self, message: UUID) -> dict | None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM messages WHERE id = %s", [message])
            found = cursor.fetchone()
            return found and dict(zip([column.name for column in cursor.description], found, strict=True))

    def _insert(self, table: str, values: dict) -> UUID:
        id = values.pop("id", None) or uuid4()
        names, marks = ", ".join(["id", *values]), ", ".join(["%s"] * (len(values) + 1))
        rows(f"INSERT INTO {table} ({names}) VALUES ({marks})", id, *values.values())
        return id


def _id(person) -> UUID | None:
    return getattr(person, "id", person)


def undo() -> None:
    """What a test that commits leaves behind: no model knows of it, so nobody empties it."""
    for name, table in rows("SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'legacy\\_%%'"):
        rows(f"DROP TRIGGER {name} ON {table}")
    from legacy import triggers

    for statement in triggers.no_way_around():
        rows(statement)
    rows("DELETE FROM messages")
    rows("DELETE FROM conversations")
    for table in ("link", "tombstone", "debt", "difference"):
        rows(f"DELETE FROM legacy_{table}")


@pytest.fixture(autouse=True)
def _at_once(request) -> None:
    """What an old client writes goes over at the end of its transaction; in a test that is one, at each statement."""
    if "db" in request.fixturenames and "committed" not in request.fixturenames:
        request.getfixturevalue("db")
        rows("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def old() -> OldSide:
    return OldSide()


@pytest.fixture
def attached(cast):
    bridge.attach(cast.event)
    return cast


@pytest.fixture
def committed(transactional_db):
    """For tests that commit."""
    yield
    undo()


def new(message: UUID) -> Message:
    return Message.objects.get(id=message)


def differences() -> list:
    """A full comparison, by the command's own and by one that shares nothing with it."""
    from legacy import verifying

    verifying.run(anew=True)
    found = [tuple(map(str, difference)) for difference in verifying.find()]
    independent = rows(
        "SELECT coalesce(o.id, m.id)::text, o.content, m.content, o.status, o.moderation_status, m.deleted_by_kind,"
        " o.read_at, p.read_upto FROM messages o"
        " FULL JOIN (SELECT message.* FROM messaging_message message JOIN messaging_conversation talk"
        "  ON talk.id = message.conversation_id AND talk.kind <> 'group'"
        "  AND talk.event_id = (SELECT event_id FROM legacy_bridge)) m ON m.id = o.id"
        " LEFT JOIN messaging_participant p ON p.conversation_id = m.conversation_id AND p.user_id <> m.sender_id"
        " WHERE m.id IS NULL OR o.id IS NULL AND m.deleted_at IS NULL AND m.held_at IS NULL"
        " OR o.id IS NOT NULL AND (o.content <> m.content OR o.sender_id <> m.sender_id"
        "  OR o.created_at <> m.created_at"
        "  OR o.moderation_status <> 'removed'"
        "   AND (o.status = 'deleted') <> (m.deleted_by_kind IS NOT DISTINCT FROM 'sender')"
        "  OR (o.status = 'deleted' OR o.moderation_status = 'removed') <> (m.deleted_at IS NOT NULL)"
        "  OR (o.read_at IS NOT NULL) <> coalesce(m.created_at <= p.read_upto, false))"
    )
    return found + independent
