"""What stands in the database while the bridge does, as statements: the triggers, and the way around by the old tables.

The event's id is written into them: messages of other events are told apart before anything is called.
"""

from __future__ import annotations

from uuid import UUID

OLD_SIDE = (
    ("legacy_conversation_in_step", "conversations"),
    ("legacy_conversation_changed", "conversations"),
    ("legacy_conversation_followed", "conversations"),
    ("legacy_conversation_truncation", "conversations"),
    ("legacy_message_in_step", "messages"),
    ("legacy_message_followed", "messages"),
    ("legacy_message_truncation", "messages"),
)
NEW_SIDE = (
    ("legacy_marker_moved", "messaging_participant"),
    ("legacy_message_said", "messaging_message"),
    ("legacy_message_changed", "messaging_message"),
    ("legacy_message_gone", "messaging_message"),
)
READ_ONLY = (("legacy_conversation_read_only", "conversations"), ("legacy_message_read_only", "messages"))

_ROW = "FOR EACH ROW"
_AT_THE_END = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
# What the bridge writes for one of Callboard's calls is seen to at once, in that call.
_IS_OWN = "(coalesce(current_setting('callboard.bridge', true), '') <> '')"


def made(event_id: UUID) -> list[str]:
    here = f"event_id = '{event_id}' AND {{row}}.conversation_id IS NOT NULL"
    return [
        "CREATE CONSTRAINT TRIGGER legacy_conversation_in_step AFTER INSERT OR DELETE ON public.conversations"
        f" {_AT_THE_END} WHEN (NOT {_IS_OWN}) EXECUTE FUNCTION legacy_old_conversation('{event_id}')",
        f"CREATE TRIGGER legacy_conversation_followed AFTER INSERT OR DELETE ON public.conversations {_ROW}"
        f" WHEN ({_IS_OWN}) EXECUTE FUNCTION legacy_old_conversation('{event_id}')",
        # Nearly all changes of its row are of when something was said last, and end here.
        f"CREATE CONSTRAINT TRIGGER legacy_conversation_changed AFTER UPDATE ON public.conversations {_AT_THE_END}"
        " WHEN ((OLD.id, OLD.help_request_id, OLD.requester_id, OLD.helper_id) IS DISTINCT FROM"
        " (NEW.id, NEW.help_request_id, NEW.requester_id, NEW.helper_id))"
        f" EXECUTE FUNCTION legacy_old_conversation('{event_id}')",
        "CREATE CONSTRAINT TRIGGER legacy_message_in_step AFTER INSERT OR UPDATE OR DELETE ON public.messages"
        f" {_AT_THE_END} WHEN (NOT {_IS_OWN}) EXECUTE FUNCTION legacy_old_message('{event_id}')",
        f"CREATE TRIGGER legacy_message_followed AFTER INSERT OR UPDATE OR DELETE ON public.messages {_ROW}"
        f" WHEN ({_IS_OWN}) EXECUTE FUNCTION legacy_own_message('{event_id}')",
        "CREATE TRIGGER legacy_conversation_truncation BEFORE TRUNCATE ON public.conversations"
        " EXECUTE FUNCTION legacy_refuse_truncate()",
        "CREATE TRIGGER legacy_message_truncation BEFORE TRUNCATE ON public.messages"
        " EXECUTE FUNCTION legacy_refuse_truncate()",
        f"CREATE TRIGGER legacy_marker_moved AFTER UPDATE ON messaging_participant {_ROW}"
        " WHEN (OLD.read_upto IS DISTINCT FROM NEW.read_upto AND NEW.read_upto IS NOT NULL)"
        " EXECUTE FUNCTION legacy_read()",
        # What came from the old side is there already; what is held is for its sender alone.
        f"CREATE TRIGGER legacy_message_said AFTER INSERT ON messaging_message {_ROW}"
        f" WHEN (NEW.{here.format(row='NEW')} AND NOT NEW.is_bridged AND NEW.held_at IS NULL)"
        " EXECUTE FUNCTION legacy_said()",
        f"CREATE TRIGGER legacy_message_changed AFTER UPDATE ON messaging_message {_ROW}"
        f" WHEN (NEW.{here.format(row='NEW')} AND (OLD.content, OLD.created_at, OLD.deleted_by_kind, OLD.held_at)"
        " IS DISTINCT FROM (NEW.content, NEW.created_at, NEW.deleted_by_kind, NEW.held_at))"
        " EXECUTE FUNCTION legacy_changed()",
        f"CREATE TRIGGER legacy_message_gone AFTER DELETE ON messaging_message {_ROW}"
        f" WHEN (OLD.{here.format(row='OLD')}) EXECUTE FUNCTION legacy_gone()",
    ]


def read_only() -> list[str]:
    return [
        f"CREATE OR REPLACE TRIGGER {name} BEFORE INSERT OR UPDATE OR DELETE ON public.{table}"
        " EXECUTE FUNCTION legacy_refuse_write()"
        for name, table in READ_ONLY
    ]


def dropped(which: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"DROP TRIGGER IF EXISTS {name} ON public.{table}" for name, table in which]


def _function(name: str, takes: str, gives: str, language: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}({takes}) RETURNS {gives} LANGUAGE {language} AS $around$ {body} $around$"


_SEND = ("messaging_send_around", "talk uuid, me uuid, partner uuid, new_message uuid, new_content text", "timestamptz")
_OPEN = (
    "messaging_open_around",
    "me uuid, other uuid, place uuid, request uuid, new_conversation uuid, new_message uuid, new_content text",
    "timestamptz",
)
_DETOUR = ("messaging_detour", "place uuid, person uuid", "text")


def way_around(event_id: UUID) -> list[str]:
    """In the attached event the flag decides, for each person and at each call."""
    return [
        _function(
            *_DETOUR,
            "plpgsql STABLE",
            f"BEGIN IF place = '{event_id}' THEN RETURN"
            " CASE WHEN public.rollout_is_on('messaging_v2', place, person) THEN 'v2' ELSE 'v1' END;"
            " END IF; RETURN NULL; END",
        ),
        _function(
            *_SEND,
            "plpgsql VOLATILE",
            "BEGIN RETURN public.legacy_send_around(talk, me, partner, new_message, new_content); END",
        ),
        _function(
            *_OPEN,
            "plpgsql VOLATILE",
            "BEGIN RETURN public.legacy_open_around("
            "me, other, place, request, new_conversation, new_message, new_content); END",
        ),
    ]


def new_way_only(event_id: UUID) -> list[str]:
    """After the cutover the flag is moot. The other two stay, for whoever is on that way in this moment."""
    body = f"SELECT CASE WHEN place = '{event_id}' THEN 'v2' END"
    return [_function(*_DETOUR, "sql IMMUTABLE", body)]


def no_way_around() -> list[str]:
    """As messaging has made them."""
    return [
        _function(*_DETOUR, "sql IMMUTABLE", "SELECT NULL::text"),
        _function(*_SEND, "sql IMMUTABLE", "SELECT NULL::timestamptz"),
        _function(*_OPEN, "sql IMMUTABLE", "SELECT NULL::timestamptz"),
    ]
