"""A conversation whose first message is held: until it is let out, nobody but its sender finds that there is one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from messaging import conversations, messages, reads
from messaging.models import Conversation, Delivery, Expected, LogEntry, Message, Participant
from tests.conftest import join, make_user
from tests.moderation.conftest import active_hold

HELD = "Tickets here"


@pytest.fixture
def hold(cast):
    return active_hold("tickets")


@pytest.fixture
def begun(cast, hold) -> Conversation:
    """The organizer's, to the attendee, who does not know."""
    started = conversations.start(cast.event.id, cast.attendee.id, HELD, by=cast.organizer)
    return Conversation.objects.get(id=started.conversation.id)


@pytest.fixture
def begun_group(cast, hold) -> Conversation:
    people = [cast.attendee.id, cast.dealer.id]
    started = conversations.start_group(cast.event.id, people, HELD, title="Crew", by=cast.organizer)
    return Conversation.objects.get(id=started.conversation.id)


def held_message(talk: Conversation) -> Message:
    return Message.objects.get(conversation=talk.id, held_at__isnull=False)


def people_of(talk: Conversation) -> set:
    return set(Participant.objects.filter(conversation=talk).values_list("user_id", flat=True))


def told(person) -> list[tuple]:
    """What the stream tells this person alone, or in their conversations."""
    mine = Participant.objects.filter(user=person).values_list("conversation_id", flat=True)
    rows = LogEntry.objects.order_by("id")
    return [(row.kind, row.message_id) for row in rows if row.user_id == person.id or row.conversation_id in mine]


def listed(api, person) -> list[str]:
    return [one["id"] for one in api(person).get("/conversations").json()["items"]]


CALLS = [
    ("GET", "", None),
    ("GET", "/messages", None),
    ("POST", "/messages", {"content": "Hello?"}),
    ("POST", "/typing", None),
    ("POST", "/read", {"message_id": "held"}),
    ("POST", "/participants", {"user_id": "other"}),
]


@pytest.mark.parametrize(("method", "rest", "body"), CALLS)
@pytest.mark.parametrize("kind", ["begun", "begun_group"])
def test_to_the_others_there_is_none(request, cast, api, denied, kind, method, rest, body):
    talk = request.getfixturevalue(kind)
    ids = {"held": str(held_message(talk).id), "other": str(cast.attendee_2.id)}
    body = body and {name: ids.get(value, value) for name, value in body.items()}
    caller = api(cast.attendee)
    found = denied(lambda: caller(method, f"/conversations/{talk.id}{rest}", body), 404, "not_found")
    unknown = denied(lambda: caller(method, f"/conversations/{cast.event.id}{rest}", body), 404, "not_found")
    assert {**found, "request_id": ""} == {**unknown, "request_id": ""}
    assert listed(api, cast.attendee) == []
    assert reads.count_unread(cast.event.id, by=cast.attendee) == 0
    assert told(cast.attendee) == []


def test_in_raw_sql_there_is_none_either(cast, as_api, begun):
    for table in ("conversation", "participant", "message", "delivery", "expected"):
        with as_api(cast.attendee) as sql:
            assert sql.rows(f"SELECT count(*) FROM messaging_{table}") == [(0,)]  # noqa: S608


def test_its_sender_sees_it_whole(cast, api, begun_group):
    caller = api(cast.organizer)
    shown = caller.get(f"/conversations/{begun_group.id}").json()
    people = {str(cast.organizer.id), str(cast.attendee.id), str(cast.dealer.id)}
    assert {one["user_id"] for one in shown["participants"]} == people
    assert (shown["last_message"]["content"], shown["last_message"]["is_held"]) == (HELD, True)
    assert listed(api, cast.organizer) == [str(begun_group.id)]


@pytest.mark.parametrize("kind", ["begun", "begun_group"])
def test_let_out_it_is_a_new_conversation_to_them(request, cast, api, kind):
    talk = request.getfixturevalue(kind)
    held = held_message(talk)
    messages.release(held.id, by=cast.moderator)
    assert told(cast.attendee) == [("conversation.created", None), ("message.created", held.id)]
    assert told(cast.organizer)[-2:] == [("message.created", held.id), ("message.updated", held.id)]
    assert listed(api, cast.attendee) == [str(talk.id)]
    shown = api(cast.attendee).get(f"/conversations/{talk.id}").json()
    assert (shown["last_message"]["content"], shown["unread_count"]) == (HELD, 1)
    assert Expected.objects.count() == 0
    assert Delivery.objects.filter(message=held.id, user=cast.attendee).count() == 1


@pytest.mark.parametrize("kind", ["begun", "begun_group"])
def test_something_else_that_passes_opens_it_without_what_is_held(request, cast, api, kind):
    talk = request.getfixturevalue(kind)
    held = held_message(talk)
    said = conversations.send(talk.id, "Good morning", by=cast.organizer)
    assert told(cast.attendee) == [("conversation.created", None), ("message.created", said.id)]
    page = api(cast.attendee).get(f"/conversations/{talk.id}/messages").json()
    assert [one["content"] for one in page["items"]] == ["Good morning"]
    messages.release(held.id, by=cast.moderator)
    assert told(cast.attendee)[2:] == [("message.created", held.id)]


def test_what_is_held_as_well_opens_nothing(cast, api, begun):
    conversations.send(begun.id, "More tickets", by=cast.organizer)
    assert listed(api, cast.attendee) == []
    assert told(cast.attendee) == []


@pytest.mark.parametrize("step", ["remove", "delete"])
def test_taken_away_it_stays_unknown(cast, api, begun, step):
    held = held_message(begun)
    if step == "remove":
        messages.remove(held.id, reason="no", by=cast.moderator)
    else:
        messages.delete(held.id, by=cast.organizer)
    assert listed(api, cast.attendee) == []
    assert told(cast.attendee) == []


# --- The other begins as well ----------------------------------------------------------------


@pytest.fixture
def to_dealer(cast, hold) -> Conversation:
    """The MVP dealer's, to the attendee: either may open it."""
    started = conversations.start(cast.event.id, cast.attendee.id, HELD, by=cast.mvp_dealer)
    return Conversation.objects.get(id=started.conversation.id)


def open_it(api, cast, content: str = "Hello"):
    body = {"recipient_id": str(cast.mvp_dealer.id), "content": content}
    return api(cast.attendee).post(f"/events/{cast.event.id}/conversations", body)


def test_the_other_opens_it_as_if_there_were_none(cast, api, to_dealer):
    answer = open_it(api, cast)
    assert answer.status_code == 201
    shown = answer.json()["conversation"]
    assert (shown["id"], answer.json()["message"]["conversation_id"]) == (str(to_dealer.id), str(to_dealer.id))
    assert shown["last_message"]["content"] == "Hello"
    assert shown["created_at"] >= answer.json()["message"]["created_at"][:10]
    assert Conversation.objects.count() == 1
    assert people_of(to_dealer) == {cast.attendee.id, cast.mvp_dealer.id}
    said = Message.objects.get(content="Hello")
    assert told(cast.attendee) == [("conversation.created", None), ("message.created", said.id)]
    assert Delivery.objects.get().user_id == cast.mvp_dealer.id
    page = api(cast.attendee).get(f"/conversations/{to_dealer.id}/messages").json()
    assert [one["content"] for one in page["items"]] == ["Hello"]
    assert reads.count_unread(cast.event.id, by=cast.mvp_dealer) == 1


def test_from_then_on_there_is_one(cast, api, refused, to_dealer):
    open_it(api, cast)
    refused(open_it(api, cast), 409, "conversation_exists", conversation_id=str(to_dealer.id))


def test_who_began_it_is_told_that_there_is_one(cast, api, refused, to_dealer):
    body = {"recipient_id": str(cast.attendee.id), "content": "Once more"}
    again = api(cast.mvp_dealer).post(f"/events/{cast.event.id}/conversations", body)
    refused(again, 409, "conversation_exists", conversation_id=str(to_dealer.id))


def test_both_may_begin_with_something_that_is_held(cast, api, to_dealer):
    answer = open_it(api, cast, "Tickets, anybody?")
    assert (answer.status_code, answer.json()["message"]["is_held"]) == (201, True)
    assert answer.json()["conversation"]["last_message"]["content"] == "Tickets, anybody?"
    for person, own in ((cast.attendee, "Tickets, anybody?"), (cast.mvp_dealer, HELD)):
        page = api(person).get(f"/conversations/{to_dealer.id}/messages").json()
        assert [one["content"] for one in page["items"]] == [own]
    messages.release(held_message_of(cast.attendee).id, by=cast.moderator)
    assert reads.count_unread(cast.event.id, by=cast.mvp_dealer) == 1


def held_message_of(person) -> Message:
    return Message.objects.get(sender=person, held_at__isnull=False)


def test_it_does_not_say_when_the_other_began(cast, api, to_dealer):
    Conversation.objects.update(created_at="2026-01-01T00:00Z")
    assert not open_it(api, cast).json()["conversation"]["created_at"].startswith("2026-01-01")


# --- Groups and help -------------------------------------------------------------------------


def test_who_is_invited_meanwhile_waits_like_the_others(cast, api, begun_group):
    conversations.invite(begun_group.id, cast.attendee_2.id, by=cast.organizer)
    conversations.invite(begun_group.id, cast.attendee_2.id, by=cast.organizer)
    assert listed(api, cast.attendee_2) == []
    assert told(cast.attendee_2) == []
    shown = api(cast.organizer).get(f"/conversations/{begun_group.id}").json()
    assert len(shown["participants"]) == 4
    messages.release(held_message(begun_group).id, by=cast.moderator)
    assert listed(api, cast.attendee_2) == [str(begun_group.id)]
    assert Delivery.objects.count() == 3


def test_who_is_taken_out_meanwhile_never_hears_of_it(cast, api, begun_group):
    conversations.take_out(begun_group.id, cast.attendee.id, by=cast.organizer)
    messages.release(held_message(begun_group).id, by=cast.moderator)
    assert listed(api, cast.attendee) == []
    assert told(cast.attendee) == []
    assert people_of(begun_group) == {cast.organizer.id, cast.dealer.id}


def test_fifty_are_counted_with_those_who_do_not_know_yet(cast, begun_group):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_expected (conversation_id, user_id)"
            " SELECT %s, gen_random_uuid() FROM generate_series(1, 47)",
            [begun_group.id],
        )
    with pytest.raises(Exception, match="state"):
        conversations.invite(begun_group.id, cast.attendee_2.id, by=cast.organizer)


def test_a_maker_who_leaves_before_it_is_let_out_is_followed(cast, begun_group):
    held = held_message(begun_group)
    conversations.take_out(begun_group.id, cast.organizer.id, by=cast.organizer)
    messages.release(held.id, by=cast.moderator)
    begun_group.refresh_from_db()
    assert people_of(begun_group) == {cast.attendee.id, cast.dealer.id}
    assert begun_group.maker_id in people_of(begun_group)


def test_an_offer_of_help_that_is_held_is_unknown_to_who_asked(cast, api, help_request, hold):
    answer = api(cast.attendee).post(f"/help-requests/{help_request.id}/conversations", {"content": "Tickets instead?"})
    assert (answer.status_code, answer.json()["message"]["is_held"]) == (201, True)

    def mine(person) -> list:
        found = api(person).get(f"/events/{cast.event.id}/help-requests").json()["items"]
        return [one["my_conversation_id"] for one in found]

    talk = answer.json()["conversation"]["id"]
    assert (mine(cast.dealer), mine(cast.attendee)) == ([None], [talk])
    assert listed(api, cast.dealer) == []
    messages.release(answer.json()["message"]["id"], by=cast.moderator)
    assert mine(cast.dealer) == [talk]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_both_begin_at_once_and_a_release_comes_between(transactional_db, cast, api):
    """Whoever is first: one conversation, both in it, and every message that passed delivered once."""
    active_hold("tickets")
    moderator = api(cast.moderator)
    for number in range(5):
        person = make_user(f"late_{number}")
        join(cast.event, person)
        started = conversations.start(cast.event.id, person.id, HELD, by=cast.mvp_dealer)
        held, gate = held_message(started.conversation), Barrier(2)
        body = {"recipient_id": str(cast.mvp_dealer.id), "content": "Hello"}

        def call(caller, address, body, gate=gate):
            connection.ensure_connection()
            gate.wait()
            try:
                return caller.post(address, body)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            opened = pool.submit(call, api(person), f"/events/{cast.event.id}/conversations", body)
            let_out = pool.submit(call, moderator, f"/messages/{held.id}/release", None)
        assert let_out.result().status_code == 200
        assert opened.result().status_code in (201, 409)
        talk = Conversation.objects.get(id=started.conversation.id)
        assert people_of(talk) == {person.id, cast.mvp_dealer.id}
        assert Expected.objects.count() == 0
        passed = 1 + (opened.result().status_code == 201)
        assert Delivery.objects.filter(message__conversation=talk).count() == passed
        assert [kind for kind, _ in told(person)].count("conversation.created") == 1
