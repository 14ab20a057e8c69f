"""Nobody waits in a circle: two and three connections, step by step, in the orders in which they once did."""

from __future__ import annotations

import threading
from uuid import UUID

import psycopg
import pytest
from django.db import connection, connections

from legacy import backfill, bridge
from messaging import conversations, messages
from messaging import personal as said_by
from messaging.models import Message, Participant
from rollout import flags, names
from tests.legacy.conftest import differences, new, rows
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Client:
    """An old client on a connection of its own, which does each thing beside what the others do."""

    def __init__(self):
        parameters = {**connection.get_connection_params(), "autocommit": True}
        for name_of_django in ("context", "cursor_factory", "prepare_threshold"):
            parameters.pop(name_of_django, None)
        self.opened = psycopg.connect(**parameters)
        self.pid = self.opened.info.backend_pid
        self.do("SELECT set_config('lock_timeout', %s, false)", f"{PATIENCE // 2}s")
        self.fault: Exception | None = None
        self.doing: threading.Thread | None = None

    def do(self, statement: str, *values) -> None:
        """Done when it returns."""
        self.opened.execute(statement, values)

    def begin(self, statement: str, *values) -> None:
        """Done, or waiting for somebody, when it returns."""
        self.doing = beside(self._do, statement, *values)
        wait_until(lambda: not self.doing.is_alive() or is_waiting(self.pid))

    def end(self) -> None:
        self.doing.join(PATIENCE)
        assert not self.doing.is_alive()
        if self.fault:
            raise self.fault

    def _do(self, statement: str, *values) -> None:
        try:
            self.opened.execute(statement, values)
        except Exception as fault:
            self.fault = fault


def beside(work, *values) -> threading.Thread:
    thread = threading.Thread(target=work, args=values, daemon=True)
    thread.start()
    return thread


def is_waiting(pid: int) -> bool:
    return bool(rows("SELECT pg_blocking_pids(%s)", pid)[0][0])


class Call:
    """One of Callboard's, in a thread: done, or waiting for somebody, when it is begun."""

    def __init__(self, work, *values, **more):
        self.fault: Exception | None = None
        self.pid = 0
        self.doing = beside(self._do, work, values, more)
        wait_until(lambda: not self.doing.is_alive() or self.pid and is_waiting(self.pid))

    def end(self) -> None:
        self.doing.join(PATIENCE)
        assert not self.doing.is_alive()
        if self.fault:
            raise self.fault

    def _do(self, work, values, more) -> None:
        try:
            self.pid = rows("SELECT pg_backend_pid()")[0][0]
            work(*values, **more)
        except Exception as fault:
            self.fault = fault
        finally:
            connections.close_all()


@pytest.fixture
def clients():
    found = [Client(), Client()]
    yield found
    for client in found:
        client.opened.close()


@pytest.fixture
def scene(committed, cast, old):
    """Two conversations, in each what either of both has said."""
    bridge.attach(cast.event)
    cast.pairs = [(cast.mvp_dealer, cast.attendee), (cast.organizer, cast.attendee_2)]
    cast.talks = [old.talk(*people) for people in cast.pairs]
    cast.said = [
        [old.say(talk, *people), old.say(talk, *people[::-1])]
        for talk, people in zip(cast.talks, cast.pairs, strict=True)
    ]
    return cast


BOTH_WAYS = ("v1", "v2")


def goes_by(way: str) -> None:
    flags.change(names.MESSAGING_V2, by=None, everyone=way == "v2")


READ = "UPDATE messages SET read_at = now(), status = 'read' WHERE id = %s"
DELETED = "UPDATE messages SET status = 'deleted' WHERE id = %s"


def test_two_old_clients_who_read_in_two_conversations_in_the_opposite_order(scene, clients, old):
    """Other rows of the same two conversations: without a bridge neither would wait at all."""
    one, other = clients
    (a, _), (c, _) = scene.said
    b = old.say(scene.talks[0], scene.mvp_dealer, scene.attendee)
    d = old.say(scene.talks[1], scene.organizer, scene.attendee_2)
    for client, first in ((one, a), (other, d)):
        client.do("BEGIN")
        client.do(READ, first)
    one.begin(READ, c)
    other.begin(READ, b)
    for client in clients:
        client.end()
    commit(*clients)
    assert all(old.row(each)["read_at"] for each in (a, b, c, d))
    assert differences() == []


def test_an_old_client_that_deletes_many_beside_one_that_reads(scene, clients):
    """The one has read in the conversation and goes on to a row of the other, who wants to end."""
    one, other = clients
    (a, b), (c, d) = scene.said
    one.do("BEGIN")
    one.do(READ, a)
    other.do("BEGIN")
    other.do("UPDATE messages SET status = 'deleted' WHERE id IN (%s, %s)", c, d)
    one.begin("UPDATE messages SET read_at = now() WHERE id = %s", d)
    other.begin(f"UPDATE messages SET content = 'x' WHERE conversation_id = '{scene.talks[0]}' AND id = %s", b)
    other.end()
    other.begin("COMMIT")
    other.end()
    one.end()
    commit(one)
    assert [new(each).deleted_by_kind for each in (c, d)] == ["sender", "sender"]
    assert differences() == []


def test_a_send_into_a_conversation_that_an_old_client_holds(scene, clients):
    """As one does who takes its row before it writes to it: nobody waits, and both are told on both sides."""
    one, _ = clients
    talk, (edited, _) = scene.talks[0], scene.said[0]
    for way in BOTH_WAYS:
        goes_by(way)
        one.do("BEGIN")
        one.do("SELECT FROM conversations WHERE id = %s FOR UPDATE", talk)
        one.do("UPDATE messages SET content = %s WHERE id = %s", f"Edited {way}", edited)
        call = Call(conversations.send, talk, f"Beside it {way}", by=scene.attendee)
        one.begin(
            "INSERT INTO messages (conversation_id, sender_id, recipient_id, content) VALUES (%s, %s, %s, %s)",
            talk, scene.mvp_dealer.id, scene.attendee.id, f"Held {way}",
        )  # fmt: skip
        call.end(), one.end()
        commit(one)
        assert {said for (said,) in rows("SELECT content FROM messages")} >= {
            f"Beside it {way}", f"Held {way}", f"Edited {way}",
        }  # fmt: skip
    assert rows("SELECT count(*) FROM legacy_debt") == [(0,)]
    assert differences() == []


def test_a_send_while_a_trigger_of_the_old_systems_changes_the_conversation(scene, clients):
    rows(
        "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE conversations SET status = 'busy' WHERE id = NEW.conversation_id; RETURN NULL; END $$"
    )
    rows("CREATE TRIGGER theirs AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION theirs()")
    one, _ = clients
    talk = scene.talks[0]
    try:
        for way in BOTH_WAYS:
            goes_by(way)
            one.do("BEGIN")
            one.do("INSERT INTO messages (conversation_id, sender_id) VALUES (%s, %s)", talk, scene.dealer.id)
            Call(conversations.send, talk, "Beside it", by=scene.attendee).end()
            commit(one)
    finally:
        rows("DROP FUNCTION theirs() CASCADE")
    assert rows("SELECT count(*) FROM messages WHERE content = 'Beside it'") == [(2,)]
    assert differences() == []


def test_who_changes_the_same_old_rows_in_the_opposite_order_is_in_the_way_without_a_bridge_too(scene, clients):
    """The one case that is left: nothing is attached here, and PostgreSQL ends one of the two."""
    bridge.rollback()
    a, b = scene.said[0]
    one, other = clients
    for client, said in ((one, a), (other, b)):
        client.do("BEGIN")
        client.do(READ, said)
    one.begin(READ, b)
    other.begin(READ, a)
    for client in clients:
        client.doing.join(PATIENCE)
    (fault,) = [client.fault for client in clients if client.fault]
    assert isinstance(fault, psycopg.errors.DeadlockDetected)


def test_an_erasure_beside_an_old_client_that_has_begun_at_the_other_end(scene, clients, old):
    one, _ = clients
    person = scene.mvp_dealer
    first, second = sorted([scene.said[0][0], old.say(scene.talks[0], person, scene.attendee)])
    one.do("BEGIN")
    one.do("UPDATE messages SET content = 'x' WHERE id = %s", second)
    call = Call(said_by.erase, person)
    one.do("UPDATE messages SET content = 'x' WHERE id = %s", first)
    commit(one)
    call.end()
    bridge.settle_debts()
    assert differences() == []


def test_calls_beside_an_old_client_that_writes_there(scene, clients, old):
    """Each gets what the other has not: what an old client holds is owed to it, and it takes it over at its end."""
    one, _ = clients
    a, b = scene.said[0]
    talk, people = scene.talks[0], (scene.mvp_dealer.id, scene.attendee.id)
    held = old.say(talk, *people, "Hm", moderation_status="pending")
    one.do("BEGIN")
    one.do("INSERT INTO messages (conversation_id, sender_id, recipient_id) VALUES (%s, %s, %s)", talk, *people)
    one.do("UPDATE messages SET content = 'Edited' WHERE id = %s", held)
    messages.release(held, by=scene.moderator)
    one.do("UPDATE messages SET content = 'x' WHERE id IN (%s, %s)", a, b)
    conversations.mark_read(scene.talks[0], a, by=scene.attendee)
    messages.remove(b, reason="Spam", by=scene.moderator)
    commit(one)
    found = dict(rows("SELECT id, (content, read_at IS NOT NULL, moderation_status)::text FROM messages"))
    assert (found[a], found[b]) == ("(x,t,approved)", "(x,f,removed)")
    assert (new(held).held_at, new(held).content) == (None, "Edited")
    assert rows("SELECT count(*) FROM legacy_debt") == [(0,)]
    assert differences() == []


@pytest.mark.parametrize("deed", ["remove", "restore", "delete", "erase"])
def test_whoever_changes_a_message_takes_its_conversation_first(scene, clients, deed):
    """What the old side has not heard of yet is written there with the change, under the conversation's row."""
    one, _ = clients
    said = scene.said[0][0]
    if deed == "restore":
        messages.remove(said, reason="Spam", by=scene.moderator)
    does = {
        "remove": lambda: messages.remove(said, reason="Spam", by=scene.moderator),
        "restore": lambda: messages.restore(said, by=scene.moderator),
        "delete": lambda: messages.delete(said, by=scene.mvp_dealer),
        "erase": lambda: said_by.erase(scene.mvp_dealer),
    }
    one.do("BEGIN")
    one.do("SELECT FROM messaging_conversation WHERE id = %s FOR NO KEY UPDATE", new(said).conversation_id)
    call = Call(does[deed])
    assert call.doing.is_alive()
    one.do("SELECT FROM messaging_message WHERE id = %s FOR NO KEY UPDATE NOWAIT", said)
    commit(one)
    call.end()
    assert differences() == []


# --- Whose a conversation is -------------------------------------------------------------------

GIVE = "UPDATE conversations SET requester_id = %s WHERE id = %s"
SAY = "INSERT INTO messages (conversation_id, sender_id, recipient_id, content) VALUES (%s, %s, %s, 'Meanwhile')"


def test_a_conversation_is_given_to_others_while_an_old_client_writes_to_it(scene, clients):
    """Whoever of the two ends first."""
    giver, writer = clients
    for talk, people, ending in zip(scene.talks, scene.pairs, (clients, clients[::-1]), strict=True):
        giver.do("BEGIN"), writer.do("BEGIN")
        giver.do(GIVE, scene.dealer.id, talk)
        writer.do(SAY, talk, people[1].id, people[0].id)
        commit(*ending)
        _is_whole(scene, talk, people[1])


def test_a_conversation_is_given_to_others_while_callboard_writes_to_it(scene, clients):
    """What was sent before it was given goes along; what is sent after that is said to whom it was before."""
    giver, _ = clients
    for talk, people, way in zip(scene.talks, scene.pairs, BOTH_WAYS, strict=True):
        goes_by(way)
        giver.do("BEGIN")
        conversations.send(talk, "Meanwhile", by=people[1])
        giver.do(GIVE, scene.dealer.id, talk)
        late = conversations.send(talk, "Late", by=people[1])
        commit(giver)
        _is_whole(scene, talk, people[1])
        last = conversations.send(talk, "And now", by=people[1])
        for sent in (late, last):
            assert new(sent.id).conversation_id == talk
            assert rows(
                "SELECT talk.requester_id FROM messages JOIN conversations talk ON talk.id = conversation_id"
                " WHERE messages.id = %s", sent.id,
            ) == [(people[0].id,)]  # fmt: skip
        assert _differing() == []


def _is_whole(scene, talk: UUID, stays) -> None:
    ((given,),) = rows("SELECT new_id FROM legacy_link WHERE old_id = %s", talk)
    people = Participant.objects.filter(conversation=given).values_list("user_id", flat=True)
    assert set(people) == {scene.dealer.id, stays.id}
    assert Message.objects.filter(content="Meanwhile", conversation=given).count() == 1
    assert _differing() == []


def _differing() -> list:
    from legacy import verifying

    verifying.run(anew=True)
    return verifying.find()


# --- What is one at the end --------------------------------------------------------------------


def test_what_an_old_client_does_to_a_row_several_times_is_one_change(scene, clients):
    one, _ = clients
    talk, (a, b) = scene.talks[0], scene.said[0]
    one.do("BEGIN")
    one.do("UPDATE messages SET content = 'Once' WHERE id = %s", a)
    one.do("UPDATE messages SET content = 'Twice' WHERE id = %s", a)
    one.do("DELETE FROM messages WHERE id = %s", b)
    one.do("INSERT INTO messages (id, conversation_id, sender_id, content) VALUES (%s, %s, %s, 'Again')",
           b, talk, scene.attendee.id)  # fmt: skip
    one.do("INSERT INTO messages (conversation_id, content) VALUES (%s, 'Here and gone')", talk)
    one.do("DELETE FROM messages WHERE content = 'Here and gone'")
    messages.remove(a, reason="Spam", by=scene.moderator)
    assert new(b).deleted_at is None
    commit(one)
    assert (new(a).content, new(a).deleted_by_kind) == ("Twice", "moderator")
    assert (new(b).content, new(b).deleted_by_kind) == ("Again", None)
    assert not Message.objects.filter(content="Here and gone").exists()
    one.do("BEGIN")
    one.do("UPDATE messages SET content = 'Oh'")
    one.do("DELETE FROM messages")
    one.do("ROLLBACK")
    assert not Message.objects.filter(content="Oh").exists()
    assert differences() == []


def test_a_backfill_waits_for_no_old_client(scene, clients, old):
    """Nor overwrites what one is about to do; neither does a send in a conversation that is looked through."""
    one, _ = clients
    bridge.rollback()
    before = old.say(scene.talks[0], scene.mvp_dealer, scene.attendee, "From before")
    bridge.attach(scene.event)
    one.do("BEGIN")
    one.do("UPDATE messages SET content = 'Edited' WHERE id = %s", before)
    one.do("UPDATE conversations SET status = 'x'")
    backfill.run(rate=0)
    assert new(before).content == "From before"
    commit(one)
    assert new(before).content == "Edited"
    assert differences() == []


def commit(*clients: Client) -> None:
    for client in clients:
        client.begin("COMMIT")
    for client in clients:
        client.end()
