"""Each trigger of the bridge is taken away in turn: a probe that passed must notice. And what the functions may do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from legacy import backfill, bridge, tables, triggers, verifying
from messaging import conversations, messages
from messaging.models import Conversation, Message
from rollout import flags, names
from tests.legacy.conftest import new, rows
from tests.messaging.conftest import start


class Scene:
    def __init__(self, cast, old):
        flags.change(names.MESSAGING_V2, by=None, everyone=True)
        self.cast, self.old = cast, old
        self.talk = old.talk(cast.mvp_dealer, cast.attendee)
        self.said = old.say(self.talk, cast.mvp_dealer, cast.attendee)

    def say(self):
        return self.old.say(self.talk, self.cast.mvp_dealer, self.cast.attendee)

    def send(self):
        return conversations.send(self.talk, "Yes", by=self.cast.attendee).id


@pytest.fixture
def scene(attached, old) -> Scene:
    found = Scene(attached, old)
    rows("SET CONSTRAINTS ALL IMMEDIATE")
    return found


def refused(statement: str) -> bool:
    try:
        with transaction.atomic():
            rows(statement)
    except DatabaseError:
        return True
    return False


def deleted_goes_over(scene: Scene) -> bool:
    sent = scene.send()
    messages.delete(sent, by=scene.cast.attendee)
    return (scene.old.row(sent) or {}).get("status") == "deleted"


def marker_goes_over(scene: Scene) -> bool:
    conversations.mark_read(scene.talk, scene.said, by=scene.cast.attendee)
    return scene.old.row(scene.said)["read_at"] is not None


def gone_goes_over(scene: Scene) -> bool:
    rows("DELETE FROM messaging_message WHERE id = %s", scene.said)
    return scene.old.row(scene.said) is None


def start_goes_by_the_old_tables(scene: Scene) -> bool:
    flags.change(names.MESSAGING_V2, by=None, everyone=False)
    talk = start(scene.cast, scene.cast.organizer, scene.cast.attendee)
    return Message.objects.get(conversation=talk).is_bridged


def send_goes_by_the_old_tables(scene: Scene) -> bool:
    flags.change(names.MESSAGING_V2, by=None, everyone=False)
    return new(scene.send()).is_bridged


def moved_conversation_is_tied_anew(scene: Scene) -> bool:
    rows("UPDATE conversations SET helper_id = %s WHERE id = %s", scene.cast.dealer.id, scene.talk)
    return new(scene.say()).conversation_id != scene.talk


# What says True while the trigger stands.
PROBES: dict[str, Callable[[Scene], bool]] = {
    "legacy_conversation_in_step": lambda s: Conversation.objects.filter(
        id=s.old.talk(s.cast.dealer, s.cast.organizer)
    ).exists(),
    "legacy_conversation_changed": moved_conversation_is_tied_anew,
    "legacy_conversation_followed": start_goes_by_the_old_tables,
    "legacy_conversation_truncation": lambda s: refused("DELETE FROM messages; TRUNCATE conversations CASCADE"),
    "legacy_message_in_step": lambda s: Message.objects.filter(id=s.say()).exists(),
    "legacy_message_followed": send_goes_by_the_old_tables,
    "legacy_message_truncation": lambda s: refused("TRUNCATE messages"),
    "legacy_marker_moved": marker_goes_over,
    "legacy_message_said": lambda s: s.old.row(s.send()) is not None,
    "legacy_message_changed": deleted_goes_over,
    "legacy_message_gone": gone_goes_over,
}


def test_every_trigger_has_a_probe(db):
    assert set(PROBES) == {name for name, _ in triggers.OLD_SIDE + triggers.NEW_SIDE}


@pytest.mark.parametrize("name", PROBES)
def test_a_trigger_that_is_taken_away_is_noticed(scene, figure, name):
    table = dict(triggers.OLD_SIDE + triggers.NEW_SIDE)[name]
    taken = transaction.savepoint()
    assert PROBES[name](scene)
    transaction.savepoint_rollback(taken)
    rows(f"DROP TRIGGER {name} ON {table}")
    # A truncation of the one meets the other's guard.
    if name == "legacy_conversation_truncation":
        rows("DROP TRIGGER legacy_message_truncation ON messages")
    is_missed = not PROBES[name](scene)
    figure("taken away", 1)
    figure("not noticed", int(not is_missed))
    assert is_missed
    assert name in tables.missing_triggers()


@pytest.mark.parametrize(("name", "table"), triggers.READ_ONLY)
def test_a_table_that_could_be_written_after_the_cutover_is_noticed(scene, name, table):
    backfill.run()
    verifying.run()
    bridge.cutover()
    probe = f"UPDATE {table} SET status = status"
    assert refused(probe)
    rows(f"DROP TRIGGER {name} ON {table}")
    assert not refused(probe)
    assert tables.missing_triggers() == [name]


def test_the_apis_role_reaches_neither_the_old_tables_nor_the_bridge(attached, as_api):
    with as_api(attached.attendee) as sql:
        reached = sql.rows(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND (relname IN ('messages', 'conversations') OR relname LIKE 'legacy\\_%%')"
            " AND relkind = 'r' AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE')"
            " UNION ALL SELECT proname::text FROM pg_proc WHERE (proname LIKE 'legacy\\_%%'"
            " OR proname IN ('messaging_detour', 'messaging_send_around', 'messaging_open_around'))"
            " AND has_function_privilege(oid, 'EXECUTE')"
        )
        assert reached == []


def test_an_old_client_needs_rights_to_the_old_tables_alone(attached, old):
    talk = old.talk(attached.mvp_dealer, attached.attendee)
    # Any role that may write to nothing of Callboard's.
    rows("GRANT SELECT, INSERT, UPDATE, DELETE ON messages, conversations TO callboard_api")
    rows("SET LOCAL ROLE callboard_api")
    said = old.say(talk, attached.mvp_dealer, attached.attendee)
    old.set(said, content="Edited", read_at=timezone.now())
    assert refused("UPDATE messaging_message SET content = 'x'")
    rows("RESET ROLE")
    assert new(said).content == "Edited"


def test_an_unattached_send_is_asked_nothing_more(cast):
    """The way around is a constant that is part of the expression around it, and no trigger looks on."""
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    assert rows(
        "SELECT proname, provolatile::text, prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql'), proconfig"
        " FROM pg_proc WHERE proname = 'messaging_detour'"
    ) == [("messaging_detour", "i", True, None)]
    plan = rows("EXPLAIN VERBOSE SELECT messaging_detour(%s, %s)", talk.event_id, cast.attendee.id)
    assert "messaging_detour" not in str(plan)
    assert "NULL::text" in str(plan)
