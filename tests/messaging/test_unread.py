"""How many messages are unread, counted from the marker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from events.models import Block
from messaging import conversations, messages, reads
from messaging.models import Message, Participant
from tests.conftest import join, make_event
from tests.messaging.conftest import change, start


def say(talk, by, *contents):
    return [conversations.send(talk.id, content, by=by) for content in contents or ("Hi",)]


@pytest.fixture
def unread(cast, api):
    """Of one conversation, alike in every place that shows it, and in its event where it is the only one."""

    def count(talk, who) -> int:
        caller = api(who)
        alone = caller.get(f"/conversations/{talk.id}").json()["unread_count"]
        listed = {one["id"]: one["unread_count"] for one in caller.get("/conversations").json()["items"]}
        assert listed[str(talk.id)] == alone
        if len(listed) == 1:
            assert reads.count_unread(cast.event.id, by=who) == alone
        return alone

    return count


def test_the_first_message_is_unread_to_the_others_alone(cast, unread, group):
    assert [unread(group, who) for who in (cast.organizer, cast.attendee, cast.dealer)] == [0, 1, 1]


def test_up_to_the_marker_all_is_read(cast, unread, direct):
    sent = say(direct, cast.mvp_dealer, "one", "two", "three")
    assert unread(direct, cast.attendee) == 4
    for message, left in zip(sent, (2, 1, 0), strict=True):
        conversations.mark_read(direct.id, message.id, by=cast.attendee)
        assert unread(direct, cast.attendee) == left
    conversations.mark_read(direct.id, sent[0].id, by=cast.attendee)
    assert unread(direct, cast.attendee) == 0


def test_own_messages_neither_count_nor_move_the_marker(cast, unread, direct):
    own = say(direct, cast.attendee, "one", "two")
    assert unread(direct, cast.attendee) == 1
    assert unread(direct, cast.mvp_dealer) == 2
    conversations.mark_read(direct.id, own[0].id, by=cast.attendee)
    assert unread(direct, cast.attendee) == 0


def test_removed_and_deleted_messages_do_not_count_and_restored_ones_do(cast, unread, direct):
    first, second = say(direct, cast.mvp_dealer, "one", "two")
    messages.remove(first.id, reason="x", by=cast.moderator)
    assert unread(direct, cast.attendee) == 2
    messages.delete(second.id, by=cast.mvp_dealer)
    assert unread(direct, cast.attendee) == 1
    messages.restore(first.id, by=cast.moderator)
    assert unread(direct, cast.attendee) == 2


def test_the_marker_may_stand_on_a_deleted_message(cast, unread, direct):
    (first,) = say(direct, cast.mvp_dealer)
    conversations.mark_read(direct.id, first.id, by=cast.attendee)
    messages.delete(first.id, by=cast.mvp_dealer)
    assert unread(direct, cast.attendee) == 0
    say(direct, cast.mvp_dealer)
    assert unread(direct, cast.attendee) == 1


def test_held_messages_count_once_they_are_out(cast, unread, direct):
    (held,) = say(direct, cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    assert unread(direct, cast.attendee) == 1
    Message.objects.filter(id=held.id).update(held_at=None)
    assert unread(direct, cast.attendee) == 2


def test_what_was_said_before_one_joined_counts_as_read(cast, unread, group):
    say(group, cast.organizer, "one", "two")
    conversations.invite(group.id, cast.mvp_dealer.id, by=cast.organizer)
    assert unread(group, cast.mvp_dealer) == 0
    say(group, cast.organizer, "three")
    assert (unread(group, cast.mvp_dealer), unread(group, cast.attendee)) == (1, 4)


def test_who_comes_back_into_a_group_begins_anew(cast, unread, group):
    conversations.take_out(group.id, cast.attendee.id, by=cast.attendee)
    say(group, cast.organizer, "while you were away")
    conversations.invite(group.id, cast.attendee.id, by=cast.organizer)
    assert unread(group, cast.attendee) == 0


def test_what_was_said_before_one_joined_the_event_counts_as_read(cast, unread, direct):
    say(direct, cast.mvp_dealer)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_membership SET joined_at = clock_timestamp() WHERE event_id = %s AND user_id = %s",
            [cast.event.id, cast.attendee.id],
        )
    assert unread(direct, cast.attendee) == 0
    say(direct, cast.mvp_dealer)
    assert unread(direct, cast.attendee) == 1


def test_sanctions_and_blocks_change_nothing(cast, unread, direct):
    say(direct, cast.mvp_dealer)
    change(cast, cast.attendee, suspended_until=timezone.now() + timedelta(days=1))
    Block.objects.create(blocker=cast.attendee, blocked=cast.mvp_dealer)
    assert unread(direct, cast.attendee) == 2


@pytest.mark.parametrize(("said", "shown"), [(998, 999), (999, 999), (1500, 999)])
def test_999_is_the_most(cast, unread, direct, said, shown):
    """Besides the first message, which is unread too."""
    Message.objects.bulk_create(
        Message(
            event=cast.event,
            conversation=direct,
            message_type="direct",
            sender=cast.mvp_dealer,
            content="x",
            created_at=direct.created_at + timedelta(microseconds=number),
        )
        for number in range(1, said + 1)
    )
    latest = Message.objects.order_by("-created_at").first()
    assert unread(direct, cast.attendee) == shown
    conversations.mark_read(direct.id, latest.id, by=cast.attendee)
    assert unread(direct, cast.attendee) == 0


def test_an_event_counts_its_own_conversations_together(cast, direct, group):
    other = make_event("other")
    join(other, cast.attendee)
    join(other, cast.organizer, "organizer")
    conversations.start(other.id, cast.attendee.id, "Elsewhere", by=cast.organizer)
    say(direct, cast.mvp_dealer)
    assert reads.count_unread(cast.event.id, by=cast.attendee) == 3
    assert reads.count_unread(other.id, by=cast.attendee) == 1
    assert reads.count_unread(cast.event.id, by=cast.stranger) == 0


def test_an_event_has_999_at_most_too(cast):
    talks = [start(cast, cast.organizer, other) for other in (cast.attendee, cast.dealer)]
    for talk, other in zip(talks, (cast.attendee, cast.dealer), strict=True):
        Message.objects.bulk_create(
            Message(
                event=cast.event,
                conversation=talk,
                message_type="direct",
                sender=other,
                content="x",
                created_at=talk.created_at + timedelta(microseconds=number),
            )
            for number in range(1, 601)
        )
        type(talk).objects.filter(id=talk.id).update(last_message_at=timezone.now())
    assert reads.count_unread(cast.event.id, by=cast.organizer) == 999


def test_nothing_is_stored_by_counting(cast, unread, direct):
    before = list(Participant.objects.order_by("id").values())
    unread(direct, cast.attendee)
    assert list(Participant.objects.order_by("id").values()) == before
