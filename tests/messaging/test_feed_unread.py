"""POST /events/{id}/feed/read and GET /events/{id}/unread."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from messaging import conversations, messages, publishing
from messaging.models import Addressee, Conversation, Delivery, FeedMarker, Message
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change, start
from tests.messaging.feeds import publish, use

MODELS = ("v1", "v2")


@pytest.fixture(params=MODELS)
def model(request, cast) -> str:
    use(request.param)
    return request.param


@pytest.fixture
def announce(cast):
    def say(*contents: str, **values) -> list[Message]:
        said = [publish(cast, "announcement", content, **values) for content in contents]
        for message in said:
            publishing.deliver_all(message)
        return said

    return say


def mark(api, cast, person, message):
    return api(person).post(f"/events/{cast.event.id}/feed/read", {"message_id": str(message.id)})


def unread(api, cast, person) -> dict:
    answer = api(person).get(f"/events/{cast.event.id}/unread")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def in_feed(api, cast, person) -> int:
    return unread(api, cast, person)["feed"]


def test_nothing_is_unread_where_nothing_was_said(cast, api, model):
    assert unread(api, cast, cast.attendee) == {"conversations": 0, "feed": 0, "total": 0}


def test_conversations_and_feed_are_counted_apart(cast, api, direct, announce, model):
    conversations.send(direct.id, "two", by=cast.mvp_dealer)
    announce("one", "two", "three")
    assert unread(api, cast, cast.attendee) == {"conversations": 2, "feed": 3, "total": 5}
    assert unread(api, cast, cast.organizer) == {"conversations": 0, "feed": 0, "total": 0}


def test_the_marker_counts_from_the_message_on(cast, api, announce, model):
    first, second, _third = announce("one", "two", "three")
    assert mark(api, cast, cast.attendee, second).status_code == 204
    assert in_feed(api, cast, cast.attendee) == 1
    assert in_feed(api, cast, cast.dealer) == 3
    assert mark(api, cast, cast.attendee, first).status_code == 204
    assert in_feed(api, cast, cast.attendee) == 1
    assert FeedMarker.objects.get().read_message_id == second.id


def test_of_one_moment_those_after_the_marked_one_count(cast, api, announce, model):
    announce("one", "two", "three")
    moment = timezone.now()
    Message.objects.update(created_at=moment)
    Delivery.objects.update(message_created_at=moment)
    middle = Message.objects.order_by("id")[1]
    mark(api, cast, cast.attendee, middle)
    assert in_feed(api, cast, cast.attendee) == 1


def test_a_direct_message_moves_the_marker_as_well(cast, api, announce, model):
    announce("one")
    talk = start(cast, cast.organizer, cast.attendee)
    announce("two")
    assert mark(api, cast, cast.attendee, talk.messages.get()).status_code == 204
    assert in_feed(api, cast, cast.attendee) == 1


def test_own_deleted_held_and_catch_up_do_not_count(cast, api, announce, model):
    announce("before")
    change(cast, cast.attendee, joined_at=timezone.now())
    _one, deleted, removed, held = announce("one", "two", "three", "four")
    messages.delete(deleted.id, by=cast.organizer)
    messages.remove(removed.id, reason="x", by=cast.moderator)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    assert in_feed(api, cast, cast.attendee) == 1
    messages.restore(removed.id, by=cast.moderator)
    assert in_feed(api, cast, cast.attendee) == 2
    assert in_feed(api, cast, cast.organizer) == 0


def test_a_marker_from_before_i_joined_again_counts_no_catch_up(cast, api, announce, model):
    first, _second = announce("one", "two")
    mark(api, cast, cast.attendee, first)
    change(cast, cast.attendee, joined_at=timezone.now())
    announce("three")
    assert in_feed(api, cast, cast.attendee) == 1


def test_what_was_said_in_the_moment_of_joining_counts(cast, api, announce, model):
    (first,) = announce("one")
    change(cast, cast.attendee, joined_at=first.created_at)
    assert in_feed(api, cast, cast.attendee) == 1


def test_a_message_with_two_of_my_tags_counts_once(cast, api, announce, model):
    change(cast, cast.attendee, tags=["crew", "early"])
    announce("one", tags=["crew", "early"], roles=["attendee", "dealer"])
    assert in_feed(api, cast, cast.attendee) == 1


def test_it_is_counted_by_the_persons_read_model(cast, api):
    publish(cast, "announcement", "Not delivered yet")
    use("v1")
    assert in_feed(api, cast, cast.attendee) == 0
    use("v2")
    assert in_feed(api, cast, cast.attendee) == 1


def test_each_is_capped(cast, api, model):
    talk, moment = start(cast, cast.mvp_dealer, cast.attendee), timezone.now()
    Message.objects.bulk_create(
        Message(
            event=cast.event,
            sender=cast.mvp_dealer,
            content="x",
            created_at=moment + timedelta(microseconds=number),
            message_type="direct" if number % 2 else "announcement",
            conversation=talk if number % 2 else None,
        )
        for number in range(2020)
    )
    Conversation.objects.update(last_message_at=moment + timedelta(seconds=1))
    for message in Message.objects.filter(conversation=None):
        Delivery.objects.create(
            message=message,
            user=cast.attendee,
            event_id=cast.event.id,
            sender_id=message.sender_id,
            message_created_at=message.created_at,
            is_at_large=True,
        )
    assert unread(api, cast, cast.attendee) == {"conversations": 999, "feed": 999, "total": 999}
    latest = Message.objects.filter(conversation=None).order_by("-created_at")
    mark(api, cast, cast.attendee, latest[600])
    assert unread(api, cast, cast.attendee) == {"conversations": 999, "feed": 600, "total": 999}
    read = Message.objects.filter(conversation=talk).order_by("-created_at")[300]
    api(cast.attendee).post(f"/conversations/{talk.id}/read", {"message_id": str(read.id)})
    assert unread(api, cast, cast.attendee) == {"conversations": 300, "feed": 600, "total": 900}


# --- Marking -------------------------------------------------------------------------------------


def test_what_is_not_in_my_feed_is_not_found_and_marks_nothing(cast, api, refused, direct, group, model):
    conversations.invite(group.id, cast.mvp_dealer.id, by=cast.organizer)
    held = conversations.send(direct.id, "held", by=cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    other = make_event("other")
    join(other, cast.attendee)
    elsewhere = publishing.publish(by=cast.organizer, event_id=other.id, message_type="announcement", content="x")
    publishing.deliver_all(elsewhere)
    crew = publish(cast, "channel", "x", tags=["crew"])
    welcome = group.messages.get()
    asked = [
        (cast.attendee, held),
        (cast.attendee, elsewhere),
        (cast.attendee, crew),
        (cast.attendee_2, welcome),
        (cast.mvp_dealer, welcome),
        (cast.mvp_dealer, Message(id=uuid4())),
    ]
    for person, message in asked:
        refused(mark(api, cast, person, message), 404, "not_found")
    assert FeedMarker.objects.count() == 0


def test_one_that_was_delivered_or_concerns_me_can_be_marked_by_either_model(cast, api, model):
    delivered = publish(cast, "channel", "x", roles=["attendee"])
    publishing.deliver_all(delivered)
    change(cast, cast.attendee, role="dealer")
    concerning = publish(cast, "channel", "y")
    for message in (delivered, concerning):
        assert mark(api, cast, cast.attendee, message).status_code == 204
    assert FeedMarker.objects.get().read_message_id == concerning.id


def test_who_may_not(cast, api, refused, announce, model):
    (message,) = announce("one")
    for stranger in (cast.stranger, cast.removed):
        refused(mark(api, cast, stranger, message), 404, "not_found")
    refused(mark(api, cast, cast.staff, message), 403, "permission_denied", reason="not_member")
    address = f"/events/{cast.event.id}/feed/read"
    for body in ({}, {"message_id": "x"}, {"message_id": str(message.id), "more": 1}):
        refused(api(cast.stranger).post(address, body), 404, "not_found")
        refused(api(cast.staff).post(address, body), 400, "validation_error")
        refused(api(cast.attendee).post(address, body), 400, "validation_error")
    assert FeedMarker.objects.count() == 0


def test_the_suspended_may(cast, api, announce, model):
    (message,) = announce("one")
    change(cast, cast.attendee, suspended_until=timezone.now() + timedelta(days=1))
    assert mark(api, cast, cast.attendee, message).status_code == 204


def test_markers_of_two_events_and_two_people_are_apart(cast, api, announce, model):
    (message,) = announce("one")
    other = make_event("other")
    join(other, cast.attendee)
    join(other, cast.organizer, "organizer")
    elsewhere = publishing.publish(by=cast.organizer, event_id=other.id, message_type="announcement", content="x")
    publishing.deliver_all(elsewhere)
    mark(api, cast, cast.attendee, message)
    assert in_feed(api, cast, cast.attendee) == 0
    assert in_feed(api, cast, cast.dealer) == 1
    assert api(cast.attendee).get(f"/events/{other.id}/unread").json()["feed"] == 1


# --- What the database keeps ---------------------------------------------------------------------


def test_addressees_follow_their_message(cast):
    message = publish(cast, "channel", "x", roles=["attendee", "dealer"], tags=["crew", "early"])

    def rows():
        return set(Addressee.objects.filter(message_id=message.id).values_list("role", "tag"))

    assert rows() == {(role, tag) for role in ("attendee", "dealer") for tag in ("crew", "early")}
    Message.objects.filter(id=message.id).update(held_at=timezone.now())
    assert rows() == set()
    Message.objects.filter(id=message.id).update(held_at=None, roles=[])
    assert rows() == {("", "crew"), ("", "early")}
    Message.objects.filter(id=message.id).update(tags=[])
    assert rows() == {("", "")}


def test_a_direct_message_has_none(cast, direct):
    assert Addressee.objects.count() == 0


def test_a_delivery_knows_what_it_delivers(cast, direct, group, announce):
    announce("one")
    late = make_user("late")
    join(cast.event, late)
    for delivery in Delivery.objects.select_related("message"):
        assert delivery.is_at_large == (delivery.message.conversation_id is None)
