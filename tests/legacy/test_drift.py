"""Random writes on both sides from many connections, the flag moving meanwhile; then everything is compared."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from api.errors import ApiError
from legacy import backfill, bridge
from messaging import conversations, messages
from messaging.models import LogEntry, Message
from rollout import flags, names
from tests.legacy.conftest import OldSide, differences, rows
from tests.waiting import PATIENCE, crowded

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
SECONDS, OLD_CLIENTS, NEW_CLIENTS = (120, 8, 8) if IS_LONG else (4, 4, 4)
# However busy the machine is, nobody goes before these have been done.
AT_LEAST = {"old_say", "new_send", "new_read", "old_read_all", "old_several", "new_delete", "old_edit"}


class Client(threading.Thread):
    """Does one thing after the other, at random, until it is over; remembers what succeeded."""

    def __init__(self, cast, seed: int, deeds):
        super().__init__(daemon=True)
        self.cast, self.random, self.deeds = cast, random.Random(seed), deeds
        self.done, self.faults, self.said = Counter(), [], []
        self.is_over = threading.Event()

    def run(self) -> None:
        try:
            while not self.is_over.is_set():
                deed = self.random.choice(self.deeds)
                try:
                    with transaction.atomic():
                        said = deed(self)
                    self.said += [said] if said else []
                    self.done[deed.__name__] += 1
                except ApiError as refused:
                    self.done[refused.code] += 1
        except Exception as fault:
            self.faults.append(f"{deed.__name__}: {fault!r}")
        finally:
            connections.close_all()

    def pick(self, statement: str):
        found = rows(statement)
        return self.random.choice(found) if found else None

    def pair(self):
        return self.random.sample(
            [self.cast.mvp_dealer, self.cast.attendee, self.cast.attendee_2, self.cast.organizer], 2
        )


OLD = OldSide()


def a_talk(client):
    return client.pick("SELECT id, requester_id, helper_id FROM conversations")


def a_message(client):
    return client.pick("SELECT id FROM messages ORDER BY created_at DESC LIMIT 30")


def old_talk(client):
    OLD.talk(*client.pair())


def old_say(client):
    if talk := a_talk(client):
        id, one, other = talk
        sender, recipient = client.random.sample([one, other], 2)
        return OLD.say(id, sender, recipient, f"old {client.random.random()}")
    return None


def old_edit(client):
    if found := a_message(client):
        OLD.set(found[0], content=f"edited {client.random.random()}", updated_at=timezone.now())


def old_delete(client):
    if found := a_message(client):
        OLD.set(found[0], status="deleted")


def old_drop(client):
    if client.random.random() < 0.3 and (found := a_message(client)):
        OLD.drop(found[0])


def old_moderate(client):
    if found := a_message(client):
        OLD.set(found[0], moderation_status=client.random.choice(["removed", "approved"]))


def old_read(client):
    if found := a_message(client):
        OLD.set(found[0], read_at=timezone.now(), status="read")


def old_read_all(client):
    if talk := a_talk(client):
        rows(
            "UPDATE messages SET read_at = now() WHERE conversation_id = %s AND recipient_id = %s AND read_at IS NULL",
            talk[0], talk[1],
        )  # fmt: skip


def old_delete_many(client):
    if talk := a_talk(client):
        rows("UPDATE messages SET status = 'deleted' WHERE conversation_id = %s AND sender_id = %s", talk[0], talk[2])


def old_several(client):
    """In one transaction, in conversations of any order, each row a statement."""
    for _ in range(3):
        client.random.choice([old_say, old_edit, old_read, old_moderate])(client)


def a_seat(client):
    found = client.pick(
        "SELECT p.conversation_id, p.user_id, c.last_message_id FROM messaging_participant p"
        " JOIN messaging_conversation c ON c.id = p.conversation_id WHERE c.kind <> 'group'"
    )
    return found and (found[0], client.people[found[1]], found[2])


def new_start(client):
    one, other = client.pair()
    return conversations.start(client.cast.event.id, other.id, "Shall we talk?", by=one).message.id


def new_send(client):
    if seat := a_seat(client):
        return conversations.send(seat[0], f"new {client.random.random()}", by=seat[1]).id
    return None


def new_read(client):
    if (seat := a_seat(client)) and seat[2]:
        conversations.mark_read(seat[0], seat[2], by=seat[1])


def a_new_message(client):
    return client.pick(
        "SELECT id, sender_id FROM messaging_message WHERE conversation_id IS NOT NULL"
        " ORDER BY created_at DESC LIMIT 30"
    )


def new_delete(client):
    if found := a_new_message(client):
        messages.delete(found[0], by=client.people[found[1]])


def new_remove(client):
    if found := a_new_message(client):
        messages.remove(found[0], reason="Random", by=client.cast.moderator)


def new_restore(client):
    if found := a_new_message(client):
        messages.restore(found[0], by=client.cast.moderator)


def the_flag_moves(client):
    flags.change(names.MESSAGING_V2, by=None, percent=client.random.choice([0, 30, 60, 100]))


OLD_DEEDS = [
    old_talk, old_say, old_say, old_say, old_edit, old_delete, old_drop, old_moderate, old_read,
]  # fmt: skip
# Who changes several rows in one transaction holds the one and wants the next. Two of these may end in each other's way
# with and without a bridge, on the old table alone; so one client does it, among all the others.
OLD_DEEDS_OF_MANY_ROWS = [*OLD_DEEDS, old_read_all, old_delete_many, old_several, old_several]
NEW_DEEDS = [
    new_start, new_send, new_send, new_send, new_read, new_read, new_delete, new_remove, new_restore, the_flag_moves,
]  # fmt: skip


def done(clients: list[Client]) -> Counter:
    return sum((client.done.copy() for client in clients), Counter())


def in_a_crowd(cast, seconds: float, meanwhile=lambda: None) -> list[Client]:
    people = {person.id: person for person in vars(cast).values() if hasattr(person, "username")}
    clients = [Client(cast, 0, OLD_DEEDS_OF_MANY_ROWS)] + [Client(cast, n, OLD_DEEDS) for n in range(1, OLD_CLIENTS)]
    clients += [Client(cast, 100 + n, NEW_DEEDS) for n in range(NEW_CLIENTS)]
    with crowded():
        for client in clients:
            client.people = people
            client.start()
        until = time.monotonic() + seconds
        meanwhile()
        latest = until + PATIENCE
        while all(client.is_alive() for client in clients) and (
            time.monotonic() < until or time.monotonic() < latest and not done(clients).keys() >= AT_LEAST
        ):
            time.sleep(0.05)
        for client in clients:
            client.is_over.set()
        for client in clients:
            client.join(PATIENCE)
    return clients


@pytest.mark.slow
def test_both_sides_agree_after_random_writes_on_both_with_the_flag_moving(committed, cast, figure):
    conversations.start(cast.event.id, cast.attendee.id, "From before", by=cast.mvp_dealer)
    bridge.attach(cast.event)
    # Halfway, history is brought over and compared beside all that goes on.
    clients = in_a_crowd(cast, SECONDS, lambda: backfill.run(rate=0))
    assert [fault for client in clients for fault in client.faults] == []
    assert bridge.settle_debts() == 0
    said = {id for client in clients for id in client.said}
    figure("deeds", done(clients).total())
    figure("drift", len(differences()))
    figure("lost", len(said - set(Message.objects.values_list("id", flat=True))))
    assert differences() == []
    assert said <= set(Message.objects.values_list("id", flat=True))
    told = LogEntry.objects.filter(kind="message.created").values_list("message_id", flat=True)
    figure("told twice", len(told) - len(set(told)))
    assert len(told) == len(set(told)) == Message.objects.count()
    assert done(clients).keys() >= AT_LEAST


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_owed_and_then_written(committed, cast, old):
    """The one case in which both sides part for a moment: an old row that is held, and not changed."""
    bridge.attach(cast.event)
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    said = old.say(talk, cast.mvp_dealer, cast.attendee)
    holder = connection.copy()
    try:
        with transaction.atomic(), holder.cursor() as cursor:
            holder.set_autocommit(False)
            cursor.execute("SELECT FROM messages WHERE id = %s FOR UPDATE", [said])
            messages.delete(said, by=cast.mvp_dealer)
        assert old.row(said)["status"] == "sent"
        assert bridge.settle_debts() == 1
        # Nor does who owes it once more wait for who is about to settle it, and may be waiting for them.
        with transaction.atomic(), holder.cursor() as cursor:
            cursor.execute("DELETE FROM legacy_debt")
            rows("SET LOCAL lock_timeout = '30s'")
            conversations.mark_read(talk, said, by=cast.attendee)
        holder.rollback()
        assert bridge.settle_debts() == 0
    finally:
        holder.close()
    assert old.row(said)["status"] == "deleted"
    assert differences() == []
