"""Each change on one side is there on the other, in the same transaction, once."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.models import User
from events.models import HelpRequest
from messaging import conversations, messages
from messaging.models import Conversation, Delivery, LogEntry, Message, Participant, Removal
from tests.legacy.conftest import differences, new, rows
from tests.messaging.conftest import start


@pytest.fixture
def talk(attached, old):
    return old.talk(attached.mvp_dealer, attached.attendee)


@pytest.fixture
def said(attached, old, talk):
    return old.say(talk, attached.mvp_dealer, attached.attendee)


def told(kind: str) -> int:
    return LogEntry.objects.filter(kind=kind).count()


# --- From the old side to the new ------------------------------------------------------------


def test_an_old_conversation_is_there_with_its_two_people(attached, talk):
    found = Conversation.objects.get(id=talk)
    assert (found.kind, found.event_id, found.maker_id) == ("direct", attached.event.id, attached.mvp_dealer.id)
    people = Participant.objects.filter(conversation=talk).values_list("user_id", flat=True)
    assert set(people) == {attached.mvp_dealer.id, attached.attendee.id}
    assert told("conversation.created") == 1


def test_an_old_message_is_there_with_all_that_a_send_writes(attached, api, talk, said):
    found = new(said)
    assert (found.content, found.sender_id, found.conversation_id) == ("Hello", attached.mvp_dealer.id, talk)
    assert Delivery.objects.get(message=said).user_id == attached.attendee.id
    assert Conversation.objects.get(id=talk).last_message_id == said
    assert told("message.created") == 1
    feed = api(attached.attendee).get(f"/events/{attached.event.id}/feed").json()["items"]
    assert [item["message_id"] for item in feed] == [str(said)]
    unread = api(attached.attendee).get(f"/events/{attached.event.id}/unread").json()
    assert unread["conversations"] == 1
    assert differences() == []


def test_an_old_message_stands_at_its_own_time_and_catch_up_is_marked(attached, api, old, talk):
    long_ago = timezone.now() - timedelta(days=400)
    said = old.say(talk, attached.mvp_dealer, attached.attendee, "Long ago", created_at=long_ago)
    newer = old.say(talk, attached.mvp_dealer, attached.attendee, "Now")
    feed = api(attached.attendee).get(f"/events/{attached.event.id}/feed").json()["items"]
    assert [(item["message_id"], item["is_catchup"]) for item in feed] == [(str(newer), False), (str(said), True)]
    assert new(said).created_at == long_ago
    assert Conversation.objects.get(id=talk).last_message_id == newer
    assert api(attached.attendee).get(f"/events/{attached.event.id}/unread").json()["conversations"] == 1


def test_who_walks_on_from_a_message_finds_those_of_the_old_side(attached, api, old, talk, said):
    later = old.say(talk, attached.mvp_dealer, attached.attendee, "More")
    found = api(attached.attendee).get(f"/events/{attached.event.id}/feed?since={said}").json()["items"]
    assert [item["message_id"] for item in found] == [str(later)]


def test_an_edit_comes_over_whatever_is_in_it(attached, old, said):
    old.set(said, content="x" * 5000)
    assert new(said).content == "x" * 5000
    old.set(said, content="")
    assert (new(said).content, told("message.updated")) == ("", 2)
    old.set(said, content=None)
    assert told("message.updated") == 2
    assert differences() == []


@pytest.mark.parametrize("content", ["", None, "x" * 2000, "bell\a and \u202eback", "\U0001f469\u200d\U0001f52c"])
def test_what_the_old_side_says_is_not_judged(attached, old, talk, content):
    assert new(old.say(talk, attached.dealer, attached.attendee, content)).content == (content or "")


@pytest.mark.parametrize(
    ("values", "deleter"),
    [({"status": "deleted"}, "sender"), ({"moderation_status": "removed"}, "moderator"),
     ({"moderation_status": "rejected"}, "moderator")],
)  # fmt: skip
def test_a_soft_deletion_comes_over_and_is_taken_back(attached, old, said, values, deleter):
    old.set(said, **values)
    assert new(said).deleted_by_kind == deleter
    assert differences() == [] or values == {"moderation_status": "rejected"}
    assert Removal.objects.count() == (deleter == "moderator")
    old.set(said, status="sent", moderation_status="approved")
    assert new(said).deleted_by_kind is None
    assert not Removal.objects.filter(restored_at=None).exists()


def test_a_hard_deletion_leaves_a_placeholder_and_nothing_brings_it_back(attached, api, old, talk, said):
    old.drop(said)
    assert new(said).deleted_by_kind == "sender"
    shown = api(attached.attendee).get(f"/conversations/{talk}/messages").json()["items"]
    assert [item["content"] for item in shown] == ["This message was deleted."]
    assert old.row(said) is None
    assert differences() == []


def test_what_was_removed_and_then_deleted_for_good_is_not_restored(attached, old, said):
    from api.errors import InvalidState

    messages.remove(said, reason="Spam", by=attached.moderator)
    old.drop(said)
    with pytest.raises(InvalidState):
        messages.restore(said, by=attached.moderator)
    assert differences() == []


def test_what_is_written_again_under_the_same_id_is_there_again(attached, old, talk, said):
    old.drop(said)
    old.say(talk, attached.mvp_dealer, attached.attendee, "Again", id=said)
    assert (new(said).content, new(said).deleted_at) == ("Again", None)
    assert differences() == []


def test_reading_moves_the_marker_and_closes_gaps(attached, api, old, talk):
    said_at = timezone.now()
    first, second, third = (
        old.say(talk, attached.mvp_dealer, attached.attendee, str(n), created_at=said_at + timedelta(seconds=n))
        for n in range(3)
    )
    old.set(second, read_at=timezone.now(), status="read")
    marker = Participant.objects.get(conversation=talk, user=attached.attendee)
    assert marker.read_message_id == second
    assert [old.row(each)["read_at"] is not None for each in (first, second, third)] == [True, True, False]
    assert old.row(first)["status"] == "read"
    assert api(attached.attendee).get(f"/events/{attached.event.id}/unread").json()["conversations"] == 1
    assert told("conversation.read") == 1
    assert differences() == []


def test_reading_is_not_taken_back(attached, old, said):
    old.set(said, read_at=timezone.now())
    old.set(said, read_at=None)
    assert old.row(said)["read_at"] is not None
    assert differences() == []


def test_what_comes_late_under_a_marker_is_read(attached, old, talk, said):
    old.set(said, read_at=timezone.now())
    late = old.say(talk, attached.mvp_dealer, attached.attendee, "Late", created_at=new(said).created_at - timedelta(1))
    assert old.row(late)["read_at"] is not None
    assert differences() == []


def test_a_held_message_is_for_its_sender_alone_until_it_is_let_out(attached, api, old, talk):
    held = old.say(talk, attached.mvp_dealer, attached.attendee, "Hm", moderation_status="pending")
    assert new(held).held_at is not None
    assert api(attached.attendee).get(f"/conversations/{talk}/messages").json()["items"] == []
    old.set(held, moderation_status="approved")
    shown = api(attached.attendee).get(f"/conversations/{talk}/messages").json()["items"]
    assert [item["content"] for item in shown] == ["Hm"]
    assert Delivery.objects.filter(message=held).count() == 1
    assert old.row(held)["created_at"] == new(held).created_at
    assert differences() == []


def test_unknown_people_become_placeholders_who_can_do_nothing(attached, api, old):
    nobody = uuid4()
    talk = old.talk(nobody, attached.attendee)
    old.say(talk, nobody, attached.attendee)
    person = User.objects.get(id=nobody)
    assert (person.name, person.is_active, person.has_usable_password()) == ("Former member", False, False)
    (item,) = api(attached.attendee).get(f"/conversations/{talk}/messages").json()["items"]
    assert item["sender_name"] == "Former member"


def test_an_unknown_help_request_becomes_a_closed_one(attached, old):
    request = uuid4()
    talk = old.talk(attached.dealer, attached.attendee, request)
    found = Conversation.objects.get(id=talk)
    assert (found.kind, found.help_request_id, found.maker_id) == ("help", request, attached.attendee.id)
    asked = HelpRequest.objects.get(id=request)
    assert (asked.status, asked.requester_id, asked.event_id) == ("closed", attached.dealer.id, attached.event.id)


def test_a_second_conversation_of_a_pair_or_request_maps_onto_the_first(attached, old, talk, help_request):
    second = old.talk(attached.attendee, attached.mvp_dealer)
    said = old.say(second, attached.attendee, attached.mvp_dealer, "There too")
    assert new(said).conversation_id == talk
    asked = [old.talk(attached.dealer, attached.attendee, help_request.id) for _ in range(2)]
    said = [old.say(each, attached.attendee, attached.dealer, "Here") for each in asked]
    assert {new(each).conversation_id for each in said} == {asked[0]}
    answer = conversations.send(talk, "An answer", by=attached.mvp_dealer)
    assert old.row(answer.id)["conversation_id"] == talk
    assert differences() == []


def test_a_conversation_that_callboard_had_first_is_the_one(cast, old):
    from legacy import backfill, bridge

    known = start(cast, cast.mvp_dealer, cast.attendee)
    bridge.attach(cast.event)
    talk = old.talk(cast.attendee, cast.mvp_dealer)
    said = old.say(talk, cast.attendee, cast.mvp_dealer, "Hi")
    assert new(said).conversation_id == known.id
    answer = conversations.send(known.id, "Ho", by=cast.mvp_dealer)
    assert old.row(answer.id)["conversation_id"] == talk
    backfill.run()
    assert differences() == []


@pytest.mark.parametrize("people", [(None, None), ("attendee", None), (None, "attendee"), ("attendee", "attendee")])
def test_what_names_nobody_or_one_person_twice_is_not_lost(attached, old, people):
    sender, recipient = (name and getattr(attached, name) for name in people)
    for talk in (None, old.talk(sender, recipient)):
        assert new(old.say(talk, sender, recipient, "Anybody?")).content == "Anybody?"
    assert Conversation.objects.count() == 1


def test_a_message_without_a_conversation_goes_to_its_two_people(attached, old, talk):
    assert new(old.say(None, attached.attendee, attached.mvp_dealer)).conversation_id == talk


def test_an_id_that_another_message_of_callboard_has_is_refused(attached, group, old, talk):
    taken = Message.objects.get(conversation=group).id
    with pytest.raises(DatabaseError, match="another message"), transaction.atomic():
        old.say(talk, attached.mvp_dealer, attached.attendee, "x", id=taken)
    assert new(taken).content == "Welcome"


def test_a_conversation_that_is_deleted_is_made_anew_by_the_next_message(attached, old, talk, said):
    old.drop(said)
    rows("DELETE FROM conversations WHERE id = %s", talk)
    answer = conversations.send(talk, "Still there?", by=attached.mvp_dealer)
    assert old.row(answer.id)["conversation_id"] == talk
    assert differences() == []


@pytest.mark.parametrize("table", ["messages", "conversations", "messages, conversations"])
def test_truncation_is_refused(attached, said, table):
    with pytest.raises(DatabaseError, match="cannot be truncated"), transaction.atomic():
        rows(f"TRUNCATE {table} CASCADE")
    assert new(said).deleted_at is None


# --- From the new side to the old ------------------------------------------------------------


@pytest.fixture
def on(attached, flag):
    flag(everyone=True)
    return attached


@pytest.fixture
def flag():
    from rollout import flags, names

    return lambda **values: flags.change(names.MESSAGING_V2, by=None, **values)


def test_a_start_and_a_send_are_there_with_all_that_an_old_client_reads(on, old):
    talk = start(on, on.mvp_dealer, on.attendee)
    said = conversations.send(talk.id, "Yes?", by=on.attendee)
    assert rows("SELECT id, requester_id, helper_id, help_request_id, status FROM conversations") == [
        (talk.id, on.mvp_dealer.id, on.attendee.id, None, "active")
    ]
    found = old.row(said.id)
    assert {name: found[name] for name in ("conversation_id", "sender_id", "recipient_id", "content", "status")} == {
        "conversation_id": talk.id, "sender_id": on.attendee.id, "recipient_id": on.mvp_dealer.id, "content": "Yes?",
        "status": "sent",
    }  # fmt: skip
    assert (found["created_at"], found["moderation_status"], found["read_at"]) == (said.created_at, "approved", None)
    assert rows("SELECT updated_at FROM conversations") == [(said.created_at,)]
    assert Message.objects.count() == 2
    assert Delivery.objects.count() == 2
    assert told("message.created") == 2
    assert differences() == []


def test_an_offer_of_help_is_there_with_its_request(on, old, help_request):
    offered = conversations.offer_help(help_request.id, "I have some tape here", by=on.attendee)
    assert rows("SELECT help_request_id, requester_id, helper_id FROM conversations") == [
        (help_request.id, on.dealer.id, on.attendee.id)
    ]
    assert old.row(offered.message.id)["recipient_id"] == on.dealer.id
    assert differences() == []


def test_groups_broadcasts_and_other_events_are_none_of_its_business(on, group, old):
    from messaging import publishing
    from tests.conftest import join, make_event

    other = make_event("other")
    for person in (on.mvp_dealer, on.attendee):
        join(other, person, "mvp_dealer" if person == on.mvp_dealer else "attendee")
    conversations.start(other.id, on.attendee.id, "Elsewhere", by=on.mvp_dealer)
    conversations.send(group.id, "All", by=on.organizer)
    publishing.publish(by=on.organizer, event_id=on.event.id, message_type="announcement", content="All")
    assert rows("SELECT count(*) FROM messages") == [(0,)]
    assert rows("SELECT count(*) FROM conversations") == [(0,)]
    assert differences() == []


def test_deleting_removing_and_restoring_go_over(on, old):
    talk = start(on, on.mvp_dealer, on.attendee)
    mine = conversations.send(talk.id, "One", by=on.attendee)
    theirs = conversations.send(talk.id, "Two", by=on.mvp_dealer)
    messages.delete(mine.id, by=on.attendee)
    messages.remove(theirs.id, reason="Spam", by=on.moderator)
    assert old.row(mine.id)["status"] == "deleted"
    assert old.row(theirs.id)["moderation_status"] == "removed"
    messages.restore(theirs.id, by=on.moderator)
    assert old.row(theirs.id)["moderation_status"] == "approved"
    assert differences() == []


def test_reading_goes_over_also_for_gaps(on, old):
    talk = start(on, on.mvp_dealer, on.attendee)
    first = Message.objects.get(conversation=talk)
    second = conversations.send(talk.id, "Two", by=on.mvp_dealer)
    conversations.mark_read(talk.id, second.id, by=on.attendee)
    assert all(old.row(each)["status"] == "read" for each in (first.id, second.id))
    assert told("conversation.read") == 1
    assert differences() == []


def test_a_message_that_is_held_goes_over_when_it_is_let_out(on, old):
    from tests.moderation.conftest import active_hold

    talk = start(on, on.mvp_dealer, on.attendee)
    active_hold("tickets")
    held = conversations.send(talk.id, "tickets", by=on.attendee)
    assert held.held_at is not None
    assert old.row(held.id) is None
    assert differences() == []
    messages.release(held.id, by=on.moderator)
    assert (old.row(held.id)["content"], old.row(held.id)["created_at"]) == ("tickets", new(held.id).created_at)
    assert differences() == []


def test_a_row_deleted_by_hand_takes_the_old_one_along(on, old):
    talk = start(on, on.mvp_dealer, on.attendee)
    said = conversations.send(talk.id, "Two", by=on.mvp_dealer)
    rows("DELETE FROM messaging_message WHERE id = %s", said.id)
    assert old.row(said.id) is None
    assert differences() == []


def test_what_fails_on_the_old_side_is_on_neither(on, old):
    talk = start(on, on.mvp_dealer, on.attendee)
    rows("ALTER TABLE messages ADD CHECK (content <> 'no')")
    before = Message.objects.count()
    with pytest.raises(DatabaseError), transaction.atomic():
        conversations.send(talk.id, "no", by=on.attendee)
    assert Message.objects.count() == before


# --- Nested triggers -------------------------------------------------------------------------


def a_trigger(when: str, body: str) -> None:
    rows(f"CREATE FUNCTION pg_temp.theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    rows(f"CREATE TRIGGER theirs {when} ON messages FOR EACH ROW EXECUTE FUNCTION pg_temp.theirs()")


def test_what_a_trigger_of_the_old_system_changes_comes_back(on, old):
    a_trigger("BEFORE INSERT", "NEW.content := upper(NEW.content); RETURN NEW;")
    talk = start(on, on.mvp_dealer, on.attendee, "quiet")
    said = conversations.send(talk.id, "louder", by=on.attendee)
    assert (old.row(said.id)["content"], new(said.id).content) == ("LOUDER", "LOUDER")
    assert differences() == []


def test_what_a_trigger_of_the_old_system_writes_besides_is_not_lost(on, old):
    a_trigger(
        "AFTER INSERT",
        "IF NEW.content <> 'Noted' THEN INSERT INTO messages (conversation_id, sender_id, recipient_id, content)"
        " VALUES (NEW.conversation_id, NEW.recipient_id, NEW.sender_id, 'Noted'); END IF; RETURN NULL;",
    )
    talk = start(on, on.mvp_dealer, on.attendee)
    conversations.send(talk.id, "Yes?", by=on.attendee)
    old.say(talk.id, on.attendee, on.mvp_dealer, "From here")
    assert sorted(Message.objects.values_list("content", flat=True)) == [
        "From here", "Hello", "Noted", "Noted", "Noted", "Yes?",
    ]  # fmt: skip
    assert differences() == []


def test_an_upsert_that_is_repeated_changes_nothing(attached, old, said):
    statement = (
        "INSERT INTO messages (id, content) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET content = excluded.content"
    )
    for _ in range(3):
        rows(statement, said, "Edited")
    assert (Message.objects.count(), told("message.updated"), new(said).content) == (1, 1, "Edited")
    assert differences() == []
