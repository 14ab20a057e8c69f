"""What the old side may write that nobody would expect: impossible times, other people, ids of others' messages."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts import personal
from accounts.models import User
from legacy import backfill, bridge
from messaging import conversations
from messaging import personal as said_by
from messaging.models import Conversation, Delivery, Message, Participant
from tests.legacy.conftest import differences, new, rows
from tests.messaging.conftest import start

IMPOSSIBLE = ("infinity", "-infinity", "0044-01-01 BC", "20000-01-01", "1969-12-31", "2999-01-01")


@pytest.fixture
def talk(attached, old):
    return old.talk(attached.mvp_dealer, attached.attendee, created_at="infinity")


def _reads(api, cast, talk) -> list[str]:
    """All that a person may ask of a conversation answers."""
    caller = api(cast.attendee)
    for address in (f"/conversations?event={cast.event.id}", f"/conversations/{talk}", f"/events/{cast.event.id}/feed"):
        assert caller.get(address).status_code == 200, address
    assert caller.get(f"/conversations?event={cast.event.id}").json()["items"][0]["id"] == str(talk)
    return [item["content"] for item in caller.get(f"/conversations/{talk}/messages").json()["items"]]


def test_times_that_cannot_be_are_those_at_which_they_came(attached, api, old, talk):
    people = (attached.mvp_dealer, attached.attendee)
    said = [
        old.say(talk, *people, time, created_at=time, updated_at=time, read_at=time, status="deleted")
        for time in IMPOSSIBLE
    ]
    old.set(said[0], status="sent", created_at="-infinity", read_at="infinity")
    last = conversations.send(talk, "Now", by=attached.attendee)
    assert len(_reads(api, attached, talk)) == len(IMPOSSIBLE) + 1
    for each in [*map(new, said), last]:
        assert abs((timezone.now() - each.created_at).total_seconds()) < 3600
    assert rows("SELECT created_at FROM messages WHERE id = %s", said[0]) == [(new(said[0]).created_at,)]
    assert differences() == []


def test_times_that_cannot_be_are_none_to_a_backfill_either(cast, api, old):
    talk = old.talk(cast.mvp_dealer, cast.attendee, created_at="infinity")
    for time in IMPOSSIBLE:
        old.say(talk, cast.mvp_dealer, cast.attendee, time, created_at=time, updated_at=time, read_at=time)
    bridge.attach(cast.event)
    backfill.run()
    assert len(_reads(api, cast, talk)) == len(IMPOSSIBLE)
    assert conversations.send(talk, "Now", by=cast.attendee).created_at <= timezone.now()
    assert differences() == []


def _moves(cast, old, said, other) -> None:
    """The one message to another conversation, of another sender."""
    old.set(said, conversation_id=other, sender_id=cast.organizer.id, recipient_id=cast.attendee.id)


def _is_moved(talk, said, other) -> None:
    assert new(said).conversation_id == other
    assert Conversation.objects.get(id=other).last_message_id == said
    assert Conversation.objects.get(id=talk).last_message_id != said
    assert list(Delivery.objects.filter(message=said).values_list("user_id", "sender_id")) == [
        (Participant.objects.get(conversation=other, user__username="attendee").user_id, new(said).sender_id)
    ]
    assert differences() == []


def test_a_message_that_is_given_to_others_goes_there(attached, api, old, talk):
    first = old.say(talk, attached.mvp_dealer, attached.attendee, "First")
    said = old.say(talk, attached.mvp_dealer, attached.attendee, "Second")
    other = old.talk(attached.organizer, attached.attendee)
    _moves(attached, old, said, other)
    _is_moved(talk, said, other)
    assert Conversation.objects.get(id=talk).last_message_id == first
    shown = api(attached.mvp_dealer).get(f"/conversations/{talk}/messages").json()["items"]
    assert [item["content"] for item in shown] == ["First"]
    old.set(said, conversation_id=talk)
    old.set(first, sender_id=uuid4())
    assert differences() == []


def test_what_was_given_to_others_while_nothing_was_attached_goes_there_with_the_backfill(attached, old, talk):
    said = old.say(talk, attached.mvp_dealer, attached.attendee, "Second")
    other = old.talk(attached.organizer, attached.attendee)
    bridge.rollback()
    _moves(attached, old, said, other)
    bridge.attach(attached.event)
    backfill.run()
    _is_moved(talk, said, other)


def test_a_conversation_of_other_people_takes_along_what_was_said_in_it(attached, old, talk):
    said = old.say(talk, attached.attendee, None, read_at=timezone.now())
    rows("UPDATE conversations SET requester_id = %s WHERE id = %s", attached.organizer.id, talk)
    people = Participant.objects.filter(conversation=new(said).conversation_id).values_list("user_id", flat=True)
    assert set(people) == {attached.organizer.id, attached.attendee.id}
    assert Participant.objects.get(user=attached.organizer).read_message_id == said
    assert differences() == []


def test_what_was_read_once_is_so_when_it_is_let_out_or_stands_elsewhere(attached, old, talk):
    said = old.say(talk, attached.mvp_dealer, attached.attendee, read_at=timezone.now())
    old.set(said, moderation_status="pending")
    old.say(talk, attached.mvp_dealer, attached.attendee, "Meanwhile")
    old.set(said, moderation_status="approved")
    assert Participant.objects.get(conversation=talk, user=attached.attendee).read_message_id == said
    assert differences() == []
    old.say(talk, attached.mvp_dealer, attached.attendee, "Unread")
    old.set(said, created_at=timezone.now())
    assert differences() == []


def test_what_was_read_here_while_nothing_was_attached_is_so_there_with_the_backfill(attached, old, talk):
    times = [timezone.now() + timedelta(seconds=n) for n in range(3)]
    said = [old.say(talk, attached.mvp_dealer, attached.attendee, str(at), created_at=at) for at in times]
    bridge.rollback()
    conversations.mark_read(talk, said[1], by=attached.attendee)
    bridge.attach(attached.event)
    backfill.run()
    assert [old.row(each)["status"] for each in said] == ["read", "read", "sent"]
    assert differences() == []


def test_an_id_that_was_anothers_before_the_bridge_stood_is_none_of_its_business(cast, group, old):
    taken = Message.objects.get(conversation=group).id
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    old.say(talk, cast.mvp_dealer, cast.attendee, "Mine now", id=taken)
    bridge.attach(cast.event)
    backfill.run()
    with pytest.raises(DatabaseError, match="another message"), transaction.atomic():
        old.set(taken, content="Mine after all")
    assert len(differences()) > 0
    old.drop(taken)
    found = new(taken)
    assert (found.content, found.deleted_at, found.conversation_id) == ("Welcome", None, group.id)
    assert differences() == []


# --- Erasure -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_cut_over", [False, True])
def test_who_is_erased_is_so_on_both_sides(attached, old, talk, is_cut_over):
    from legacy import verifying

    person = attached.mvp_dealer
    secret = {"content": "My secret", "flagged_reason": "Said a secret"}
    said = [
        old.say(talk, person, attached.attendee, **secret, status=status, moderation_status=moderation)
        for status, moderation in (("sent", "approved"), ("deleted", "approved"), ("sent", "removed"))
    ]
    start(attached, person, attached.organizer, "My other secret")
    if is_cut_over:
        backfill.run()
        verifying.run()
        bridge.cutover()
    personal.erase(person, by=None)
    assert rows("SELECT count(*) FROM messages WHERE content LIKE '%%secret%%' OR flagged_reason IS NOT NULL") == [(0,)]
    assert rows("SELECT count(*) FROM messaging_message WHERE content LIKE '%%secret%%'") == [(0,)]
    assert rows("SELECT count(*) FROM messaging_removal WHERE reason LIKE '%%secret%%'") == [(0,)]
    assert all(old.row(each) for each in said)
    assert differences() == []


def test_whom_only_the_old_side_knew_can_be_erased_after_it(attached, old):
    stranger = uuid4()
    talk = old.talk(stranger, attached.attendee)
    old.say(talk, stranger, attached.attendee, created_at="infinity")
    mine = old.say(talk, stranger, attached.attendee, "My secret")
    # Between two others.
    beside = old.say(old.talk(attached.mvp_dealer, attached.attendee), stranger, attached.attendee, "My secret")
    bridge.rollback()
    old.say(talk, stranger, attached.attendee, "And this", created_at="infinity")
    (told,) = (part for name, part in personal.document(User.objects.get(id=stranger)) if name == "old_messages")
    assert "infinity" in [each["created_at"] for each in told]
    rows("DELETE FROM messages")
    personal.erase(User.objects.get(id=stranger), by=None)
    assert {new(mine).content, new(beside).content} == {"This message was deleted."}


def test_what_placeholders_said_is_forgotten_with_the_event(attached, old):
    stranger = uuid4()
    said = old.say(old.talk(stranger, attached.attendee), stranger, attached.attendee, "From long ago")
    said_by.forget_messages_of_events_that_ended_before(attached.event.ends_at)
    assert new(said).content == "From long ago"
    said_by.forget_messages_of_events_that_ended_before(attached.event.ends_at + timedelta(seconds=1))
    assert (new(said).content, old.row(said)["content"]) == ("This message was deleted.",) * 2
    assert differences() == []
