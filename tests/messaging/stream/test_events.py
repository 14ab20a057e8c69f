"""What each event says: the same as the calls that answer it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from broadcasts import fanout, orders
from broadcasts.orders import Order
from events.access import access_event
from messaging import conversations, messages, publishing
from messaging.models import LogEntry, Message, Text
from moderation import reports
from rollout import read_models
from tests.conftest import join, make_user
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_told_as_the_feed_shows_it_to_each(talk, cast, api, listen):
    mine, theirs, stranger = listen(cast.attendee), listen(cast.mvp_dealer), listen(cast.attendee_2)
    said = conversations.send(talk.id, "Here I am", by=cast.attendee)
    for person, stream in ((cast.attendee, mine), (cast.mvp_dealer, theirs)):
        stream.wait_for_words("Here I am")
        shown = api(person).get(f"/events/{cast.event.id}/feed").json()["items"][0]
        assert stream.of("message.created") == [{"event_id": str(cast.event.id), "item": shown}]
    messages.delete(said.id, by=cast.attendee)
    for person, stream in ((cast.attendee, mine), (cast.mvp_dealer, theirs)):
        stream.wait_for(lambda one: one.of("message.updated"))
        shown = api(person).get(f"/events/{cast.event.id}/feed").json()["items"][0]
        assert stream.of("message.updated") == [{"event_id": str(cast.event.id), "item": shown}]
        assert shown["is_deleted"] is True
    assert stranger.events == []


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_an_announcement_is_told_once_to_each_by_the_model_they_read(cast, api, listen, announce, model):
    read_models.swap(model)
    streams = {name: listen(getattr(cast, name)) for name in ("attendee", "dealer", "organizer", "removed", "stranger")}
    announce("Doors open")
    announce("For dealers", roles=["dealer"])
    announce("The end")
    for name in ("attendee", "dealer", "organizer"):
        streams[name].wait_for_words("The end")
        shown = api(getattr(cast, name)).get(f"/events/{cast.event.id}/feed").json()["items"]
        assert [data["item"] for data in streams[name].of("message.created")] == shown[::-1]
    assert streams["attendee"].said() == ["Doors open", "The end"]
    assert streams["dealer"].said() == ["Doors open", "For dealers", "The end"]
    assert streams["removed"].events == streams["stranger"].events == []


def test_the_feed_since_a_message_gives_the_same(talk, cast, api, listen, announce):
    first = conversations.send(talk.id, "first", by=cast.attendee)
    stream = listen(cast.attendee)
    conversations.send(talk.id, "second", by=cast.mvp_dealer)
    announce("third")
    conversations.send(talk.id, "fourth", by=cast.attendee)
    stream.wait_for_words("fourth")
    since = api(cast.attendee).get(f"/events/{cast.event.id}/feed?since={first.id}").json()["items"]
    # It may repeat a few that came before.
    assert [data["item"] for data in stream.of("message.created")] == since[-3:]


def test_a_conversation_is_told_to_each_as_they_see_it(cast, api, listen):
    streams = {person: listen(person) for person in (cast.mvp_dealer, cast.attendee, cast.dealer)}
    made = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.mvp_dealer).conversation
    for person in (cast.mvp_dealer, cast.attendee):
        streams[person].wait_for_words("Hello")
        shown = api(person).get(f"/conversations/{made.id}").json()
        assert streams[person].of("conversation.created") == [{"conversation": shown}]
        assert [event.kind for event in streams[person].events] == ["conversation.created", "message.created"]
    assert streams[cast.dealer].events == []


def test_who_is_invited_is_told_of_the_group(cast, api, listen):
    made = conversations.start_group(cast.event.id, [cast.dealer.id], "Hello", by=cast.organizer).conversation
    stream = listen(cast.attendee)
    conversations.invite(made.id, cast.attendee.id, by=cast.organizer)
    stream.wait_for(lambda one: one.of("conversation.created"))
    shown = api(cast.attendee).get(f"/conversations/{made.id}").json()
    assert stream.of("conversation.created") == [{"conversation": shown}]


def test_a_marker_is_told_to_all_who_take_part(talk, cast, api, listen):
    streams = [listen(cast.attendee), listen(cast.mvp_dealer)]
    stranger = listen(cast.organizer)
    conversations.mark_read(talk.id, talk.last_id, by=cast.attendee)
    shown = api(cast.mvp_dealer).get(f"/conversations/{talk.id}").json()["participants"]
    mine = next(one for one in shown if one["user_id"] == str(cast.attendee.id))
    for stream in streams:
        stream.wait_for(lambda one: one.of("conversation.read"))
        assert stream.of("conversation.read") == [
            {
                "conversation_id": str(talk.id),
                "user_id": str(cast.attendee.id),
                "message_id": str(talk.last_id),
                "read_at": mine["last_read_at"],
            }
        ]
    assert stranger.events == []
    # Held after it was read: whoever comes back is told as the conversation shows it to them.
    said = conversations.send(talk.id, "Hold this", by=cast.mvp_dealer)
    conversations.mark_read(talk.id, said.id, by=cast.mvp_dealer)
    Message.objects.filter(id=said.id).update(held_at=timezone.now())
    for person, stream, shown in zip((cast.attendee, cast.mvp_dealer), streams, (talk.last_id, said.id), strict=True):
        back = listen(person, last_id=stream.events[0].id)
        back.wait_for(lambda one: one.of("conversation.read"))
        assert back.of("conversation.read")[0]["message_id"] == str(shown)
        people = api(person).get(f"/conversations/{talk.id}").json()["participants"]
        assert people[0]["last_read_message_id"] == str(shown)


def test_typing_is_told_to_the_others_and_has_no_id(talk, cast, listen):
    mine, theirs, stranger = listen(cast.attendee), listen(cast.mvp_dealer), listen(cast.organizer)

    def is_seen() -> bool:
        # Whoever subscribed a moment later did not hear the first.
        conversations.note_typing(talk.id, by=cast.attendee)
        return bool(theirs.of("typing"))

    wait_until(is_seen)
    told = theirs.events[0]
    assert told.id is None
    assert (told.data["conversation_id"], told.data["user_id"]) == (str(talk.id), str(cast.attendee.id))
    assert told.data["expires_at"].endswith("Z")
    assert mine.events == stranger.events == []


def test_progress_is_told_to_its_author_twice_a_second_at_most(cast, api, listen, settings, monkeypatch):
    """With a second of a fiftieth. By the times that the database gave: no three of them within one."""
    second = timedelta(seconds=0.02)
    monkeypatch.setattr(fanout, "TELL_SECONDS", second.total_seconds())
    settings.BROADCAST_BATCH = 1
    for number in range(40):
        join(cast.event, make_user(f"person_{number}"))
    author, other = listen(cast.organizer), listen(cast.moderator)
    seat, order = access_event(cast.event.id, by=cast.organizer), Order(kind="announcement", content="Doors")
    made = orders.accept(seat, order, by=cast.organizer)
    fanout.run(made.id)
    author.wait_for(lambda one: any(data["status"] == "published" for data in one.of("broadcast.progress")))
    shown = api(cast.organizer).get(f"/broadcasts/{made.id}").json()
    told = list(LogEntry.objects.filter(kind="broadcast.progress").order_by("id"))
    assert author.of("broadcast.progress") == [entry.data for entry in told]
    assert told[-1].data == {
        "broadcast_id": str(made.id),
        **{name: shown[name] for name in ("status", "progress", "failure_reason")},
    }
    assert len(told) > 2
    assert all(third.created_at - first.created_at >= second for first, third in zip(told, told[2:], strict=False))
    other.wait_for_words("Doors")
    assert other.of("broadcast.progress") == []


def test_what_became_of_a_text_is_told_to_who_sent_it(cast, api, listen):
    User.objects.filter(id=cast.attendee.id).update(phone="+4915112345601")
    sender, reader = listen(cast.organizer), listen(cast.attendee)
    message = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Doors", roles=["attendee"]
    )
    publishing.deliver(message, is_texted=True)
    text = Text.objects.filter(message_id=message.id, user_id=cast.attendee.id)
    for number, state in enumerate(("sent", "delivered"), 1):
        text.update(state=state, sid="SM" + "0" * 32)
        sender.wait_for(lambda one, number=number: len(one.of("delivery.updated")) == number)
        assert sender.of("delivery.updated")[-1] == {
            "message_id": str(message.id),
            "user_id": str(cast.attendee.id),
            "delivery_status": state,
        }
        shown = api(cast.attendee).get(f"/events/{cast.event.id}/feed").json()["items"][0]
        assert shown["delivery_status"] == state
    reader.wait_for_words("Doors")
    assert reader.of("delivery.updated") == []


def test_a_report_is_told_to_its_reporter_alone(talk, cast, api, listen):
    made = reports.report(talk.last_id, reason="spam", by=cast.attendee)
    reporter, accused, moderator = listen(cast.attendee), listen(cast.mvp_dealer), listen(cast.moderator)
    case = api(cast.moderator).post(f"/moderation/reports/{made.id}/claim").json()
    reporter.wait_for(lambda one: one.of("report.updated"))
    shown = api(cast.attendee).get("/reports").json()["items"]
    assert reporter.of("report.updated") == [{"report": shown[0]}]
    assert (shown[0]["status"], shown[0]["outcome"]) == ("reviewed", None)
    order = {"decision": "dismissed", "actions": [], "note": "Fine.", "version": case["version"]}
    api(cast.moderator).post(f"/moderation/reports/{made.id}/decide", order)
    reporter.wait_for(lambda one: len(one.of("report.updated")) == 2)
    shown = api(cast.attendee).get("/reports").json()["items"]
    assert reporter.of("report.updated")[1] == {"report": shown[0]}
    assert shown[0]["outcome"] == "dismissed"
    assert accused.events == moderator.events == []


def test_ids_order_and_each_is_new(talk, cast, listen):
    stream = listen(cast.attendee)
    for number in range(20):
        conversations.send(talk.id, f"{number}", by=cast.mvp_dealer)
    stream.wait_for_words("19")
    ids = [event.id for event in stream.events]
    assert stream.said() == [f"{number}" for number in range(20)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 20
