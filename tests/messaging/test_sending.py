"""POST /conversations/{id}/messages, /read and /typing."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api import redis
from events.models import Block
from messaging import conversations, typing
from messaging.models import Delivery, LogEntry, Message, Participant
from tests.conftest import make_event
from tests.messaging.conftest import change, start
from tests.waiting import PATIENCE


def said(talk, by, content="Hello") -> Message:
    return conversations.send(talk.id, content, by=by)


# --- Sending ---------------------------------------------------------------------------------


def test_a_message_is_written_with_its_delivery_and_told_once(cast, api, direct):
    answer = api(cast.attendee).post(f"/conversations/{direct.id}/messages", {"content": "Hi"})
    assert answer.status_code == 201
    message = Message.objects.get(id=answer.json()["id"])
    assert answer.json() == {
        "id": str(message.id),
        "conversation_id": str(direct.id),
        "event_id": str(cast.event.id),
        "message_type": "direct",
        "sender_id": str(cast.attendee.id),
        "sender_name": "Attendee",
        "sender_avatar_url": None,
        "content": "Hi",
        "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
        "is_own_message": True,
        "is_deleted": False,
        "is_held": False,
    }
    assert list(Delivery.objects.filter(message=message).values_list("user_id", flat=True)) == [cast.mvp_dealer.id]
    told = LogEntry.objects.filter(message_id=message.id).values_list("kind", "event_id", "conversation_id", "user_id")
    assert list(told) == [("message.created", cast.event.id, direct.id, None)]
    direct.refresh_from_db()
    assert (direct.last_message_id, direct.last_message_at) == (message.id, message.created_at)


def test_in_a_group_those_who_were_removed_from_the_event_get_no_delivery(cast, group):
    change(cast, cast.dealer, removed_at=timezone.now())
    message = said(group, cast.organizer)
    assert list(Delivery.objects.filter(message=message).values_list("user_id", flat=True)) == [cast.attendee.id]


@pytest.mark.parametrize("who", ["attendee_2", "organizer", "moderator", "removed", "stranger", "staff"])
@pytest.mark.parametrize("door", ["messages", "read", "typing"])
def test_for_who_takes_no_part_there_is_no_conversation(cast, api, denied, direct, who, door):
    caller = api(getattr(cast, who))
    answers = []
    for conversation_id in (direct.id, uuid4()):
        for body in [{}, {"content": "Hi"}, {"message_id": str(direct.last_message_id)}]:
            told = denied(
                lambda i=conversation_id, b=body: caller.post(f"/conversations/{i}/{door}", b), 404, "not_found"
            )
            answers.append({**told, "request_id": ""})
    assert all(answer == answers[0] for answer in answers)


def test_an_id_that_is_none_is_not_found(cast, api, denied):
    caller = api(cast.attendee)
    denied(lambda: caller.post("/conversations/17/messages", {"content": "Hi"}), 404, "not_found")


def test_when_the_other_was_removed_it_says_not_member(cast, api, denied, direct):
    change(cast, cast.mvp_dealer, removed_at=timezone.now())
    caller = api(cast.attendee)
    for door, body in (("messages", {"content": "Hi"}), ("typing", None)):
        denied(
            lambda d=door, b=body: caller.post(f"/conversations/{direct.id}/{d}", b),
            403,
            "permission_denied",
            reason="not_member",
        )


@pytest.mark.parametrize("way", ["mine", "theirs"])
def test_a_block_closes_a_direct_conversation_and_taking_it_away_opens_it(cast, api, denied, direct, way):
    people = (cast.attendee, cast.mvp_dealer) if way == "mine" else (cast.mvp_dealer, cast.attendee)
    block = Block.objects.create(blocker=people[0], blocked=people[1])
    caller = api(cast.attendee)

    def call():
        return caller.post(f"/conversations/{direct.id}/messages", {"content": "Hi"})

    denied(call, 403, "permission_denied", reason="blocked")
    block.delete()
    assert call().status_code == 201


# --- Texts -----------------------------------------------------------------------------------

KEPT = {
    "family": "👨‍👩‍👧‍👦 and 🏳️‍🌈",
    "right to left": "שלום, مرحبا",
    "isolates": "\u2067עברית\u2069 and more",
    "marks": "e\u0301\u0302\u0303".replace("e\u0301", "é"),
    "html": "<script>alert('x')</script>&amp;",
    "formula": '=HYPERLINK("http://x")',
    "template": "{{ 7*7 }} %s %(x)s {0}",
    "sql": "'; DROP TABLE messaging_message; --",
    "longest": "🎴" * 1000,
    "flood": "Z" + "\u0335" * 900,
    "lines": "one\n\n\ttwo",
}
CLEANED = {
    "line ends": (" one\r\ntwo\rthree ", "one\ntwo\nthree"),
    "composed": ("Cafe\u0301", "Café"),
    "trimmed": ("\u2003 wide \u00a0\n", "wide"),
    "longest with air": (" " * 50 + "x" * 1000 + "\n" * 50, "x" * 1000),
}
REFUSED = {
    "nul": "a\x00b",
    "bell": "a\x07b",
    "escape": "\x1b[31mred",
    "next line": "a\x85b",
    "override": "abc\u202edef",
    "embedding": "abc\u202adef",
    "surrogate": "\ud83d",
    "empty": "",
    "air": " \t\n\u3000",
    "too long": "é" * 1001,
    "too long in pairs": "🎴" * 1001,
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_text_is_kept_unchanged(cast, api, direct, text):
    answer = api(cast.attendee).post(f"/conversations/{direct.id}/messages", {"content": text})
    assert answer.status_code == 201
    assert answer.json()["content"] == Message.objects.get(id=answer.json()["id"]).content == text


@pytest.mark.parametrize(("given", "kept"), CLEANED.values(), ids=CLEANED)
def test_a_text_is_brought_into_its_one_form(cast, api, direct, given, kept):
    answer = api(cast.attendee).post(f"/conversations/{direct.id}/messages", {"content": given})
    assert answer.json()["content"] == Message.objects.get(id=answer.json()["id"]).content == kept


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_text_is_refused(cast, api, denied, direct, text):
    caller = api(cast.attendee)
    told = denied(
        lambda: caller.post(f"/conversations/{direct.id}/messages", {"content": text}), 400, "validation_error"
    )
    assert [error["pointer"] for error in told["errors"]] == ["#/content"]


# --- Marking as read -------------------------------------------------------------------------


def marker(talk, person) -> Participant:
    return Participant.objects.get(conversation=talk, user=person)


def test_a_marker_moves_forward_and_never_back(cast, api, direct):
    older, newer = said(direct, cast.mvp_dealer), said(direct, cast.mvp_dealer)
    caller = api(cast.attendee)

    def read(message):
        return caller.post(f"/conversations/{direct.id}/read", {"message_id": str(message.id)}).status_code

    assert read(newer) == 204
    stands = marker(direct, cast.attendee)
    assert (stands.read_message_id, stands.read_upto) == (newer.id, newer.created_at)
    assert [read(older), read(newer)] == [204, 204]
    again = marker(direct, cast.attendee)
    assert (again.read_message_id, again.read_at) == (newer.id, stands.read_at)
    assert marker(direct, cast.mvp_dealer).read_message_id is None


def test_a_marker_that_moves_is_told_once(cast, direct):
    message = said(direct, cast.mvp_dealer)
    for _ in range(2):
        conversations.mark_read(direct.id, message.id, by=cast.attendee)
    told = LogEntry.objects.get(kind="conversation.read")
    assert (told.conversation_id, told.event_id) == (direct.id, cast.event.id)
    assert (told.data["user_id"], told.data["message_id"]) == (str(cast.attendee.id), str(message.id))


def test_who_marks_their_own_held_message_has_read_up_to_what_is_before_it(cast, api, direct):
    """Nobody else may know that there is one: neither by its id, nor by the time."""
    (hello,) = direct.messages.all()
    held = said(direct, cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    conversations.mark_read(direct.id, held.id, by=cast.mvp_dealer)
    stands = marker(direct, cast.mvp_dealer)
    assert (stands.read_message_id, stands.read_upto) == (hello.id, hello.created_at)
    conversations.mark_read(direct.id, held.id, by=cast.mvp_dealer)
    assert marker(direct, cast.mvp_dealer).read_at == stands.read_at
    assert LogEntry.objects.get(kind="conversation.read").data["message_id"] == str(hello.id)


def test_where_all_is_held_there_is_nothing_to_mark(cast, api, direct):
    Message.objects.update(held_at=timezone.now())
    answer = api(cast.mvp_dealer).post(f"/conversations/{direct.id}/read", {"message_id": str(direct.last_message_id)})
    assert answer.status_code == 204
    assert marker(direct, cast.mvp_dealer).read_message_id is None
    assert not LogEntry.objects.filter(kind="conversation.read").exists()


def test_a_message_of_elsewhere_or_held_is_not_found_there(cast, api, denied, direct, group):
    elsewhere = group.messages.get()
    held = said(direct, cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    caller = api(cast.attendee)
    for message_id in (elsewhere.id, held.id, uuid4()):
        denied(
            lambda i=message_id: caller.post(f"/conversations/{direct.id}/read", {"message_id": str(i)}),
            404,
            "not_found",
        )


def test_the_suspended_the_muted_and_the_read_only_may_mark_as_read(cast, api, group):
    message = said(group, cast.organizer)
    later = timezone.now() + timedelta(hours=1)
    change(cast, cast.dealer, suspended_until=later, muted_until=later)
    answer = api(cast.dealer).post(f"/conversations/{group.id}/read", {"message_id": str(message.id)})
    assert answer.status_code == 204
    assert marker(group, cast.dealer).read_message_id == message.id


@pytest.mark.parametrize("body", [{}, {"message_id": "x"}, {"message_id": None}, {"content": "x"}])
def test_a_marker_without_a_message_is_refused(cast, api, denied, direct, body):
    caller = api(cast.attendee)
    denied(lambda: caller.post(f"/conversations/{direct.id}/read", body), 400, "validation_error")


# --- Typing ----------------------------------------------------------------------------------


def test_typing_is_told_and_kept_for_six_seconds_and_not_stored(cast, api, direct, everything):
    caller = api(cast.attendee)
    before = everything()
    with redis.client().pubsub() as listener:
        listener.subscribe(redis.channel(typing.CHANNEL))
        assert listener.get_message(timeout=PATIENCE)["type"] == "subscribe"
        assert caller.post(f"/conversations/{direct.id}/typing").status_code == 204
        heard = json.loads(listener.get_message(timeout=PATIENCE)["data"])
    assert (heard["conversation_id"], heard["user_id"]) == (str(direct.id), str(cast.attendee.id))
    assert 0 < redis.client().pttl(f"typing:{direct.id}:{cast.attendee.id}") <= 6000
    assert everything() == before


def test_typing_is_not_heard_in_another_database_of_the_same_redis(cast, api, direct):
    with redis.client().pubsub() as listener:
        listener.subscribe(f"{typing.CHANNEL}:15", redis.channel(typing.CHANNEL))
        assert {listener.get_message(timeout=PATIENCE)["type"] for _ in range(2)} == {"subscribe"}
        assert api(cast.attendee).post(f"/conversations/{direct.id}/typing").status_code == 204
        # What comes first, and so what comes alone, is what was told here.
        assert listener.get_message(timeout=PATIENCE)["channel"].decode() == redis.channel(typing.CHANNEL)
        assert listener.get_message(timeout=0.2) is None


def test_typing_takes_no_body(cast, api, denied, direct):
    caller = api(cast.attendee)
    denied(lambda: caller.post(f"/conversations/{direct.id}/typing", {"content": "x"}), 400, "validation_error")


def test_typing_without_redis_is_answered_all_the_same(cast, api, direct, monkeypatch):
    def away(*_):
        raise redis.RedisAway

    caller = api(cast.attendee)
    monkeypatch.setattr(redis, "run", away)
    assert caller.post(f"/conversations/{direct.id}/typing").status_code == 204


# --- The same conversation in two events -----------------------------------------------------


def test_a_conversation_belongs_to_its_event_alone(cast, api, direct):
    """A sanction in one event says nothing about another."""
    from tests.conftest import join

    other = make_event("other")
    join(other, cast.attendee, suspended_until=timezone.now() + timedelta(hours=1))
    assert api(cast.attendee).post(f"/conversations/{direct.id}/messages", {"content": "Hi"}).status_code == 201
    assert start(cast, cast.moderator, cast.attendee).event_id == cast.event.id
