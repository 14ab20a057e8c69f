"""The steps of the bridge: what each does, what it refuses and why, and that it is the database that knows."""

from __future__ import annotations

import threading
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from accounts.models import AuditEntry
from legacy import bridge, states, tables, triggers
from legacy.models import Bridge
from messaging import conversations
from messaging.models import Message
from tests.legacy.conftest import differences, new, rows
from tests.messaging.conftest import start
from tests.waiting import PATIENCE

State = Bridge.State


def legacy(*words: str) -> str:
    output = StringIO()
    call_command("legacy", *words, stdout=output, stderr=StringIO())
    return output.getvalue()


def walk(cast, upto: str) -> None:
    for step in ("attach", "backfill", "verify", "cutover", "retire"):
        legacy(step, *(["--event", cast.event.slug] if step == "attach" else []))
        if step == upto:
            return


REFUSED = {
    State.DETACHED: {
        "backfill": "attach first", "verify": "attach first", "cutover": "attach first",
        "rollback": "no step to undo", "retire": "only what was cut over",
    },
    State.ATTACHED: {"attach": "attached already", "cutover": "backfill first", "retire": "cut over first"},
    State.BACKFILLED: {"attach": "attached already", "cutover": "verify first", "retire": "cut over first"},
    State.VERIFIED: {"attach": "attached already", "retire": "cut over first"},
    State.CUT_OVER: {
        "attach": "attached already", "backfill": "read-only since the cutover", "cutover": "cut over already",
    },
    State.RETIRED: {
        "attach": "retired", "backfill": "retired", "verify": "retired", "cutover": "retired",
        "rollback": "no way back", "retire": "retired already",
    },
}  # fmt: skip
LAST_STEP = {
    State.ATTACHED: "attach", State.BACKFILLED: "backfill", State.VERIFIED: "verify", State.CUT_OVER: "cutover",
    State.RETIRED: "retire",
}  # fmt: skip


@pytest.mark.parametrize("state", REFUSED)
def test_forbidden_steps_are_refused_with_the_reason_and_change_nothing(cast, state):
    if state in LAST_STEP:
        walk(cast, LAST_STEP[state])
    before = Bridge.objects.values().first()
    for step, reason in REFUSED[state].items():
        with pytest.raises(CommandError, match=reason) as told, transaction.atomic():
            legacy(step, *(["--event", cast.event.slug] if step == "attach" else []))
        assert told.value.returncode == 2
        found = Bridge.objects.values().first()
        assert found == before or found["state"] == state
    assert state in legacy("status")


def test_every_state_has_its_refusals_in_the_table_above():
    steps = {"attach", "backfill", "verify", "cutover", "rollback", "retire"}
    for state in State:
        allowed = {step for step, moves in states.TRANSITIONS.items() if state in moves} - {"differ"}
        if state in states.STANDING:
            allowed.add("verify")
        if state in states.STANDING[:3]:
            allowed.add("backfill")
        assert steps - allowed == set(REFUSED[state]), state


def test_the_database_allows_the_same_moves(db):
    for begin in State:
        for end in State:
            Bridge.objects.all().delete()
            Bridge.objects.create(state=begin, event_id=uuid4())
            try:
                with transaction.atomic():
                    Bridge.objects.update(state=end)
                moved = True
            except DatabaseError:
                moved = False
            assert moved == (begin == end or (begin, end) in states.moves()), (begin, end)


@pytest.mark.parametrize(
    "values",
    [{"id": 2}, {"state": "lost"}, {"state": "attached", "event_id": None}],
    ids=["bridge_is_one_row", "bridge_state_is_known", "bridge_has_an_event"],
)
def test_constraints_hold(db, request, values):
    name = request.node.callspec.id
    with pytest.raises(DatabaseError, match=name), transaction.atomic():
        Bridge.objects.create(**{"event_id": uuid4(), **values})


def test_before_attach_and_after_there_are_no_triggers(cast, old):
    def there() -> set:
        return {name for (name,) in rows("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'legacy\\_%%'")}

    assert there() == set()
    legacy("attach", "--event", cast.event.slug)
    assert there() == {name for name, _ in triggers.OLD_SIDE + triggers.NEW_SIDE}
    legacy("rollback")
    assert there() == set()
    assert rows("SELECT messaging_detour(%s, %s)", cast.event.id, cast.attendee.id) == [(None,)]
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    said = old.say(talk, cast.mvp_dealer, cast.attendee)
    assert not Message.objects.filter(id=said).exists()
    start(cast, cast.mvp_dealer, cast.attendee)
    assert rows("SELECT count(*) FROM messages") == [(1,)]


def test_each_step_is_in_the_audit(cast):
    walk(cast, "cutover")
    legacy("rollback", "--by", cast.staff.username)
    entries = AuditEntry.objects.filter(action="legacy_moved").order_by("at")
    assert [(entry.data["step"], entry.data["state"][1]) for entry in entries] == [
        ("attach", "attached"), ("backfill", "backfilled"), ("verify", "verified"), ("cutover", "cut_over"),
        ("rollback", "verified"),
    ]  # fmt: skip
    assert entries.last().actor_id == cast.staff.id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ALTER TABLE messages DROP COLUMN moderation_status", "has no moderation_status"),
        ("ALTER TABLE messages ALTER COLUMN recipient_id TYPE text", "no uuid: recipient_id"),
        ("ALTER TABLE messages DROP CONSTRAINT messages_pkey", "not unique"),
        ("DROP TABLE messages CASCADE", "no table public.messages"),
        (
            "ALTER TABLE messages ENABLE ROW LEVEL SECURITY; ALTER TABLE messages FORCE ROW LEVEL SECURITY;"
            "CREATE POLICY everyone ON messages FOR INSERT WITH CHECK (true)",
            "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY",
        ),
        (
            "CREATE TABLE old_users (id uuid PRIMARY KEY);"
            "ALTER TABLE messages ADD CONSTRAINT whom FOREIGN KEY (sender_id) REFERENCES old_users",
            'ALTER TABLE messages DROP CONSTRAINT "whom"',
        ),
        ("ALTER TABLE messages ADD CHECK (status IN ('sent', 'read'))", "do not take what the bridge writes"),
        ("ALTER TABLE messages ADD COLUMN room text NOT NULL", "do not take what the bridge writes"),
    ],
)
def test_tables_that_do_not_fit_are_refused_with_what_to_do(cast, change, reason):
    # The functions name the table's rows: where it is changed like this, they are the first to go.
    if "DROP" in change and "CONSTRAINT messages" not in change or "TYPE" in change:
        for (name,) in rows(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'legacy\\_%%'"
            " AND pg_get_function_arguments(oid) LIKE '%%messages%%'"
        ):
            rows(f"DROP FUNCTION {name}")
    for statement in change.split(";"):
        rows(statement)
    with pytest.raises(CommandError, match=reason), transaction.atomic():
        legacy("attach", "--event", cast.event.slug)
    assert bridge.find().state == State.DETACHED


def test_tables_with_years_of_data_and_more_columns_are_attached_as_they_are(cast, old):
    rows("ALTER TABLE messages ADD COLUMN room text DEFAULT 'lobby', ADD COLUMN deleted boolean NOT NULL DEFAULT false")
    rows("ALTER TABLE conversations ADD COLUMN title text")
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    said = old.say(talk, cast.mvp_dealer, cast.attendee, room="hall")
    walk(cast, "verify")
    assert new(said).content == "Hello"
    rows("ALTER TABLE messages ADD COLUMN later text")
    old.set(said, content="Edited", later="x")
    answer = conversations.send(talk, "Yes", by=cast.attendee)
    assert (new(said).content, old.row(answer.id)["room"]) == ("Edited", "lobby")
    assert differences() == []


def test_an_event_that_is_not_there_is_told(cast):
    with pytest.raises(CommandError, match="no event nowhere") as told:
        legacy("attach", "--event", "nowhere")
    assert told.value.returncode == 2


def test_the_cutover_makes_the_old_tables_read_only_and_they_go_on_showing_what_is_said(cast, old):
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    said = old.say(talk, cast.mvp_dealer, cast.attendee)
    walk(cast, "cutover")
    for deed in (
        lambda: old.say(talk, cast.mvp_dealer, cast.attendee),
        lambda: old.set(said, content="x"),
        lambda: old.drop(said),
        lambda: old.talk(cast.dealer, cast.attendee),
    ):
        with pytest.raises(DatabaseError, match="read-only since the cutover"), transaction.atomic():
            deed()
    answer = conversations.send(talk, "By the new", by=cast.attendee)
    conversations.mark_read(talk, said, by=cast.attendee)
    assert old.row(answer.id)["content"] == "By the new"
    assert old.row(said)["status"] == "read"
    start(cast, cast.organizer, cast.attendee)
    assert differences() == []
    legacy("rollback")
    old.set(said, content="x")
    assert new(said).content == "x"


def test_a_bridge_that_is_not_whole_is_not_cut_over(cast):
    walk(cast, "verify")
    rows("DROP TRIGGER legacy_message_said ON messaging_message")
    assert tables.missing_triggers() == ["legacy_message_said"]
    assert "missing: legacy_message_said" in legacy("status")
    with pytest.raises(CommandError, match="legacy_message_said"), transaction.atomic():
        legacy("cutover")
    assert "detached" in legacy("rollback")


def test_what_went_apart_while_detached_is_brought_together_by_the_next_backfill(cast, old):
    walk(cast, "attach")
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    edited, deleted, dropped, removed = (old.say(talk, cast.mvp_dealer, cast.attendee, str(n)) for n in range(4))
    legacy("rollback")
    old.set(edited, content="Edited meanwhile")
    old.set(deleted, status="deleted")
    old.drop(dropped)
    Message.objects.filter(id=removed).update(deleted_by_kind="moderator", deleted_at="2026-01-01T00:00Z")
    answer = conversations.send(talk, "Meanwhile", by=cast.attendee)
    walk(cast, "verify")
    assert [new(each).deleted_by_kind for each in (edited, deleted, dropped, removed)] == [
        None, "sender", "sender", "moderator",
    ]  # fmt: skip
    assert (new(edited).content, old.row(removed)["moderation_status"]) == ("Edited meanwhile", "removed")
    assert old.row(answer.id)["content"] == "Meanwhile"
    assert differences() == []


def test_retiring_drops_everything_old_and_everything_else_goes_on(cast, api, old):
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    said = old.say(talk, cast.mvp_dealer, cast.attendee, "x" * 2000)
    walk(cast, "retire")
    assert rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND (relname IN ('messages', 'conversations') OR relname LIKE 'legacy\\_%%')"
    ) == [("legacy_bridge",)]
    left = "SELECT proname FROM pg_proc WHERE proname LIKE 'legacy\\_%%'"
    assert rows(left + " UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE 'legacy\\_%%'") == []
    answer = api(cast.attendee).post(f"/conversations/{talk}/messages", {"content": "Still here"})
    assert answer.status_code == 201
    assert api(cast.attendee).get(f"/features?event={cast.event.id}").json()["messaging_v2"] is True
    # What was taken over stays exempt: also where it is changed.
    api(cast.mvp_dealer).delete(f"/messages/{said}")
    assert new(said).deleted_by_kind == "sender"


@pytest.mark.django_db(transaction=True)
def test_steps_wait_for_a_long_transaction_without_stopping_anybody(committed, cast, old):
    """Attach and cutover are tried again while a writer holds the old table, and others go on writing meanwhile."""
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    walk_on = {"attach": ["--event", cast.event.slug], "backfill": [], "verify": [], "cutover": []}
    holder = connection.copy()
    try:
        for step, more in walk_on.items():
            is_held, told = step in ("attach", "cutover"), StringIO()
            if is_held:
                holder.set_autocommit(False)
                with holder.cursor() as cursor:
                    cursor.execute("UPDATE conversations SET status = status")
            taking = threading.Thread(target=_take, args=(step, more, told))
            taking.start()
            if is_held:
                while "attempt 1" not in told.getvalue():
                    old.say(talk, cast.mvp_dealer, cast.attendee)
                    assert taking.is_alive()
                holder.commit()
                holder.set_autocommit(True)
            taking.join(PATIENCE)
            assert not taking.is_alive()
    finally:
        holder.close()
    assert bridge.find().state == State.CUT_OVER
    assert differences() == []


def _take(step: str, more: list[str], told: StringIO) -> None:
    try:
        call_command("legacy", step, *more, stdout=StringIO(), stderr=told)
    finally:
        connections.close_all()
