"""POST /events/{id}/conversations and POST /help-requests/{id}/conversations."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from events.models import Block, HelpRequest, Membership
from messaging import conversations
from messaging.models import Conversation, Delivery, LogEntry, Message, Participant
from tests.conftest import join, make_event, make_user, unsaved_membership, unsaved_user
from tests.messaging.conftest import change, start

USER = ("user_id", "name", "avatar_url", "role", "last_read_message_id", "last_read_at")


def test_a_direct_conversation_appears_whole(cast, api):
    answer = api(cast.mvp_dealer).post(
        f"/events/{cast.event.id}/conversations", {"recipient_id": str(cast.attendee.id), "content": " Hello\r\nyou "}
    )
    assert answer.status_code == 201
    made, message = Conversation.objects.get(), Message.objects.get()
    created_at = answer.json()["message"]["created_at"]
    shown = {
        "id": str(message.id),
        "conversation_id": str(made.id),
        "event_id": str(cast.event.id),
        "message_type": "direct",
        "sender_id": str(cast.mvp_dealer.id),
        "sender_name": "Mvp Dealer",
        "sender_avatar_url": None,
        "content": "Hello\nyou",
        "created_at": created_at,
        "is_own_message": True,
        "is_deleted": False,
        "is_held": False,
    }
    assert answer.json() == {
        "conversation": {
            "id": str(made.id),
            "event_id": str(cast.event.id),
            "kind": "direct",
            "title": None,
            "help_request_id": None,
            "created_at": created_at,
            "last_message": shown,
            "unread_count": 0,
            "can_reply": True,
            "reply_reason": None,
            "participants": [
                dict(zip(USER, (str(person.id), person.name, None, role, None, None), strict=True))
                for person, role in ((cast.mvp_dealer, "mvp_dealer"), (cast.attendee, "attendee"))
            ],
        },
        "message": shown,
        "version": "v2",
    }
    assert (made.maker_id, {made.low_id, made.high_id}) == (cast.mvp_dealer.id, {cast.mvp_dealer.id, cast.attendee.id})
    assert made.last_message_id == message.id
    delivery = Delivery.objects.get()
    assert (delivery.message_id, delivery.user_id, delivery.sender_id, delivery.event_id) == (
        message.id,
        cast.attendee.id,
        cast.mvp_dealer.id,
        cast.event.id,
    )
    assert delivery.message_created_at == message.created_at == made.created_at == made.last_message_at
    told = LogEntry.objects.order_by("id").values_list("kind", "conversation_id", "user_id", "message_id")
    assert list(told) == [
        ("conversation.created", made.id, None, None),
        ("message.created", made.id, None, message.id),
    ]


def test_a_group_keeps_its_people_in_the_order_given(cast, api):
    others = [cast.dealer, cast.attendee_2, cast.attendee]
    answer = api(cast.organizer).post(
        f"/events/{cast.event.id}/conversations",
        {"recipient_ids": [str(person.id) for person in others], "title": " Crew ", "content": "Hello"},
    )
    assert answer.status_code == 201
    made = answer.json()["conversation"]
    assert (made["kind"], made["title"]) == ("group", "Crew")
    assert [one["user_id"] for one in made["participants"]] == [str(p.id) for p in (cast.organizer, *others)]
    assert set(Delivery.objects.values_list("user_id", flat=True)) == {person.id for person in others}


@pytest.mark.parametrize("by", ["organizer", "mvp_dealer", "attendee"])
@pytest.mark.parametrize("kind", ["direct", "group", "help"])
def test_what_has_begun_is_shown_as_it_is_shown_from_then_on(cast, api, help_request, by, kind):
    starter, mvp_dealer = getattr(cast, by), make_user("mvp_dealer_2", avatar_url="https://example.org/me.png")
    join(cast.event, mvp_dealer, "mvp_dealer")
    User.objects.filter(id=starter.id).update(avatar_url="https://example.org/i.png")
    elsewhere = make_event("another")
    for person in {starter, mvp_dealer, cast.mvp_dealer, cast.attendee_2, cast.dealer}:
        join(elsewhere, person, "moderator")
    # The matrix lets each of the three begin with these.
    others = [cast.attendee_2, cast.dealer] if by == "mvp_dealer" else [mvp_dealer, cast.mvp_dealer]
    path, body = {
        "direct": (f"/events/{cast.event.id}/conversations", {"recipient_id": str(others[0].id)}),
        "group": (f"/events/{cast.event.id}/conversations", {"recipient_ids": [str(one.id) for one in others]}),
        "help": (f"/help-requests/{help_request.id}/conversations", {}),
    }[kind]
    if by == "mvp_dealer" and kind == "group":
        body["title"] = "Crew"
    answer = api(starter).post(path, {**body, "content": "I have tape!"})
    assert answer.status_code == 201
    begun = answer.json()
    assert begun["conversation"] == api(starter).get(f"/conversations/{begun['conversation']['id']}").json()
    assert begun["conversation"]["last_message"] == begun["message"]


@pytest.mark.parametrize("kind", ["direct", "group", "help"])
def test_what_begins_in_a_large_event_looks_at_nobody_else(cast, help_request, kind):
    people = [unsaved_user(f"guest_{number}") for number in range(300)]
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(unsaved_membership(cast.event, person, "attendee") for person in people)

    def looked_through() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables"
                " WHERE relname IN ('accounts_user', 'events_membership')"
            )
            return cursor.fetchone()[0]

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_user, events_membership")
    before = looked_through()
    if kind == "direct":
        conversations.start(cast.event.id, people[0].id, "Hello", by=cast.organizer)
    elif kind == "group":
        conversations.start_group(cast.event.id, [one.id for one in people[:3]], "Hello", by=cast.organizer)
    else:
        conversations.offer_help(help_request.id, "I have tape!", by=cast.organizer)
    assert looked_through() == before


@pytest.mark.parametrize("name", ["messaging_start_shown", "messaging_offer_help_shown", "messaging_reply_facts"])
def test_what_is_handed_a_list_is_planned_once(db, name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT proconfig FROM pg_proc WHERE proname = %s", [name])
        ((settings,),) = cursor.fetchall()
    assert "plan_cache_mode=force_generic_plan" in settings


def test_a_group_is_not_a_pair_and_may_exist_twice(cast, api):
    body = {"recipient_ids": [str(cast.attendee.id), str(cast.dealer.id)], "title": None, "content": "Hello"}
    caller = api(cast.organizer)
    answers = [caller.post(f"/events/{cast.event.id}/conversations", body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_an_offer_of_help_leaves_the_request_as_it_is(cast, api, help_request):
    answer = api(cast.attendee).post(f"/help-requests/{help_request.id}/conversations", {"content": "I have tape!"})
    assert answer.status_code == 201
    made = answer.json()["conversation"]
    assert (made["kind"], made["help_request_id"]) == ("help", str(help_request.id))
    help_request.refresh_from_db()
    assert help_request.status == "open"


def test_several_people_may_offer_help_and_the_requester_is_shown_the_latest(cast, api, help_request):
    for helper in (cast.attendee, cast.mvp_dealer):
        answer = api(helper).post(f"/help-requests/{help_request.id}/conversations", {"content": "I have tape!"})
        assert answer.status_code == 201
        latest = answer.json()["conversation"]["id"]
    shown = api(cast.dealer).get(f"/events/{cast.event.id}/help-requests").json()["items"]
    assert [one["my_conversation_id"] for one in shown] == [latest]
    shown = api(cast.moderator).get(f"/events/{cast.event.id}/help-requests").json()["items"]
    assert [one["my_conversation_id"] for one in shown] == [None]


# --- What addresses nothing ------------------------------------------------------------------


@pytest.mark.parametrize("who", ["removed", "stranger"])
@pytest.mark.parametrize("body", [{"content": "Hello"}, {"nonsense": 1}, b"{"])
def test_an_event_that_is_not_mine_is_not_found_before_the_body_is_looked_at(cast, api, denied, who, body):
    if body == {"content": "Hello"}:
        body = {"recipient_id": str(cast.attendee.id), **body}
    caller = api(getattr(cast, who))
    one = denied(lambda: caller.post(f"/events/{cast.event.id}/conversations", body), 404, "not_found")
    other = denied(lambda: caller.post(f"/events/{uuid4()}/conversations", body), 404, "not_found")
    assert {**one, "request_id": ""} == {**other, "request_id": ""}


@pytest.mark.parametrize("who", ["removed", "stranger"])
@pytest.mark.parametrize("content", ["I have some tape.", ""])
def test_a_help_request_of_an_event_that_is_not_mine_is_not_found(cast, api, denied, help_request, who, content):
    caller, body = api(getattr(cast, who)), {"content": content}
    denied(lambda: caller.post(f"/help-requests/{help_request.id}/conversations", body), 404, "not_found")
    denied(lambda: caller.post(f"/help-requests/{uuid4()}/conversations", body), 404, "not_found")


def test_staff_without_a_membership_may_not_write(cast, api, denied, help_request):
    caller = api(cast.staff)
    body = {"recipient_id": str(cast.attendee.id), "content": "Hello"}
    denied(
        lambda: caller.post(f"/events/{cast.event.id}/conversations", body),
        403,
        "permission_denied",
        reason="not_member",
    )
    denied(
        lambda: caller.post(f"/help-requests/{help_request.id}/conversations", {"content": "I have tape!"}),
        403,
        "permission_denied",
        reason="not_member",
    )
    denied(lambda: caller.post(f"/events/{uuid4()}/conversations", body), 404, "not_found")


# --- What is no such body --------------------------------------------------------------------

SOMEONE = "0198f2c1-7d3a-7cc0-9d1e-2f6b1c8a4e10"
OTHERS = [str(uuid4()) for _ in range(50)]
BODIES = [
    ({}, {"#/content"}),
    ({"content": "Hello"}, {"#/recipient_id"}),
    ({"recipient_id": SOMEONE}, {"#/content"}),
    ({"recipient_id": SOMEONE, "content": "  \n "}, {"#/content"}),
    ({"recipient_id": SOMEONE, "content": "x" * 1001}, {"#/content"}),
    ({"recipient_id": SOMEONE, "content": 7}, {"#/content"}),
    ({"recipient_id": SOMEONE, "content": None}, {"#/content"}),
    ({"recipient_id": "someone", "content": "Hello"}, {"#/recipient_id"}),
    ({"recipient_id": None, "content": "Hello"}, {"#/recipient_id"}),
    ({"recipient_id": SOMEONE, "recipient_ids": OTHERS[:2], "content": "Hello"}, {"#/recipient_ids"}),
    ({"recipient_ids": [], "content": "Hello"}, {"#/recipient_ids"}),
    ({"recipient_ids": OTHERS[:1], "content": "Hello"}, {"#/recipient_ids"}),
    ({"recipient_ids": OTHERS[:50], "content": "Hello"}, {"#/recipient_ids"}),
    ({"recipient_ids": [SOMEONE, SOMEONE], "content": "Hello"}, {"#/recipient_ids"}),
    ({"recipient_ids": [SOMEONE, "x"], "content": "Hello"}, {"#/recipient_ids/1"}),
    ({"recipient_ids": SOMEONE, "content": "Hello"}, {"#/recipient_ids"}),
    ({"recipient_id": SOMEONE, "title": "Crew", "content": "Hello"}, {"#/title"}),
    ({"recipient_ids": OTHERS[:2], "title": "x" * 101, "content": "Hello"}, {"#/title"}),
    ({"recipient_ids": OTHERS[:2], "title": "a\u202eb", "content": "Hello"}, {"#/title"}),
    ({"recipient_id": SOMEONE, "content": "Hello", "urgent": True}, {"#/urgent"}),
    ([], {"#"}),
]


@pytest.mark.parametrize(("body", "pointers"), BODIES, ids=range(len(BODIES)))
def test_a_wrong_body_names_its_field(cast, api, denied, body, pointers):
    caller = api(cast.organizer)
    told = denied(lambda: caller.post(f"/events/{cast.event.id}/conversations", body), 400, "validation_error")
    assert {error["pointer"] for error in told["errors"]} == pointers


def test_oneself_is_no_recipient(cast, api, denied):
    caller, me = api(cast.organizer), str(cast.organizer.id)
    for body, pointer in [
        ({"recipient_id": me, "content": "Hello"}, "#/recipient_id"),
        ({"recipient_ids": [str(cast.attendee.id), me], "content": "Hello"}, "#/recipient_ids"),
    ]:
        told = denied(
            lambda body=body: caller.post(f"/events/{cast.event.id}/conversations", body), 400, "validation_error"
        )
        assert [error["pointer"] for error in told["errors"]] == [pointer]


def test_an_offer_has_at_least_ten_characters(cast, api, denied, help_request):
    caller = api(cast.attendee)
    address = f"/help-requests/{help_request.id}/conversations"
    told = denied(lambda: caller.post(address, {"content": " 123456789 "}), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == ["#/content"]
    assert caller.post(address, {"content": "1234567890"}).status_code == 201


# --- What is not allowed ---------------------------------------------------------------------


def test_who_is_no_member_and_who_does_not_exist_are_the_same(cast, api, denied):
    caller, answers = api(cast.organizer), []
    for person in (cast.stranger.id, cast.removed.id, cast.staff.id, uuid4()):
        for body in ({"recipient_id": str(person)}, {"recipient_ids": [str(cast.attendee.id), str(person)]}):
            told = denied(
                lambda body=body: caller.post(f"/events/{cast.event.id}/conversations", {**body, "content": "Hello"}),
                403,
                "permission_denied",
                reason="not_member",
            )
            answers.append({**told, "request_id": ""})
    assert all(answer == answers[0] for answer in answers)


def test_not_being_a_member_is_told_before_the_role_and_the_role_before_a_block(cast, api, denied):
    caller = api(cast.attendee)

    def call(*people):
        ids = [str(person.id) for person in people]
        return lambda: caller.post(f"/events/{cast.event.id}/conversations", {"recipient_ids": ids, "content": "Hello"})

    Block.objects.create(blocker=cast.mvp_dealer, blocked=cast.attendee)
    denied(call(cast.mvp_dealer, cast.dealer, cast.stranger), 403, "permission_denied", reason="not_member")
    denied(call(cast.mvp_dealer, cast.dealer), 403, "permission_denied", reason="role")
    another = make_user("another")
    join(cast.event, another, "mvp_dealer")
    denied(call(cast.mvp_dealer, another), 403, "permission_denied", reason="blocked")


def test_nobody_offers_help_to_themselves(cast, api, denied):
    own = HelpRequest.objects.create(event=cast.event, requester=cast.attendee, title="Tape", details="Any tape?")
    caller = api(cast.attendee)
    denied(
        lambda: caller.post(f"/help-requests/{own.id}/conversations", {"content": "I have some tape."}),
        403,
        "permission_denied",
        reason="own_help_request",
    )


def test_a_dealer_is_told_read_only_even_on_their_own_help_request(cast, api, denied, help_request):
    caller = api(cast.dealer)
    denied(
        lambda: caller.post(f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape."}),
        403,
        "permission_denied",
        reason="read_only",
    )


def test_who_asked_and_was_removed_gets_no_help(cast, api, denied, help_request):
    change(cast, cast.dealer, removed_at=timezone.now())
    caller = api(cast.attendee)
    denied(
        lambda: caller.post(f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape."}),
        403,
        "permission_denied",
        reason="not_member",
    )


# --- What stands in the way ------------------------------------------------------------------


def test_a_pair_has_one_direct_conversation_whoever_begins(cast, api, denied):
    talk = start(cast, cast.organizer, cast.moderator)
    for me, other in ((cast.organizer, cast.moderator), (cast.moderator, cast.organizer)):
        caller, body = api(me), {"recipient_id": str(other.id), "content": "Hello"}
        denied(
            lambda caller=caller, body=body: caller.post(f"/events/{cast.event.id}/conversations", body),
            409,
            "conversation_exists",
            conversation_id=str(talk.id),
        )


def test_the_same_pair_talks_apart_in_another_event(cast):
    other = make_event("other")
    join(other, cast.mvp_dealer, "mvp_dealer")
    join(other, cast.attendee)
    start(cast, cast.mvp_dealer, cast.attendee)
    conversations.start(other.id, cast.attendee.id, "Hello", by=cast.mvp_dealer)
    assert Conversation.objects.count() == 2


def test_a_refusal_is_told_before_that_a_conversation_exists(cast, api, denied):
    start(cast, cast.mvp_dealer, cast.attendee)
    Block.objects.create(blocker=cast.attendee, blocked=cast.mvp_dealer)
    caller, body = api(cast.mvp_dealer), {"recipient_id": str(cast.attendee.id), "content": "Hello"}
    denied(
        lambda: caller.post(f"/events/{cast.event.id}/conversations", body),
        403,
        "permission_denied",
        reason="blocked",
    )


@pytest.mark.parametrize("status", ["in_progress", "closed"])
def test_help_is_offered_only_while_the_request_is_open(cast, api, denied, help_request, status):
    HelpRequest.objects.update(status=status)
    caller = api(cast.attendee)
    denied(
        lambda: caller.post(f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape."}),
        400,
        "help_request_unavailable",
        help_request_status=status,
    )


def test_that_there_is_a_help_conversation_is_told_before_that_the_request_is_closed(cast, api, denied, help_request):
    caller = api(cast.attendee)
    address, body = f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape."}
    made = caller.post(address, body).json()["conversation"]["id"]
    denied(lambda: caller.post(address, body), 409, "conversation_exists", conversation_id=made)
    HelpRequest.objects.update(status="closed")
    denied(lambda: caller.post(address, body), 409, "conversation_exists", conversation_id=made)


def test_a_repeat_with_the_key_gets_the_first_answer(cast, api):
    caller, body = api(cast.mvp_dealer), {"recipient_id": str(cast.attendee.id), "content": "Hello"}
    first, again = (
        caller.post(f"/events/{cast.event.id}/conversations", body, Idempotency_Key="start") for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"
    assert Participant.objects.count() == 2


def test_without_a_token_and_under_maintenance(cast, api, refused):
    body = {"recipient_id": str(cast.attendee.id), "content": "Hello"}
    refused(api().post(f"/events/{cast.event.id}/conversations", body), 401, "not_authenticated")
    from api import maintenance

    maintenance.switch_on()
    refused(api(cast.organizer).post(f"/events/{cast.event.id}/conversations", body), 503, "service_unavailable")
