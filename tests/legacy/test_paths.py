"""While the bridge stands the flag says, for each person and call, by which tables a start or a send goes."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from events import blocks
from events.models import HelpRequest
from legacy import bridge
from messaging import conversations
from messaging.models import Conversation, Message
from rollout import flags, names
from tests.conftest import join, make_event
from tests.legacy.conftest import differences, rows
from tests.messaging.conftest import change, start


def flag(**values) -> None:
    flags.change(names.MESSAGING_V2, by=None, **values)


def by_the_old_tables() -> bool:
    """What the bridge took in from there says so."""
    return Message.objects.order_by("-created_at").first().is_bridged


def started(caller, cast, other) -> dict:
    answer = caller.post(
        f"/events/{cast.event.id}/conversations", {"recipient_id": str(other.id), "content": "Shall we talk?"}
    )
    assert answer.status_code == 201, answer.content
    return answer.json()


def uses_v2(caller, event) -> bool:
    return caller.get(f"/features?event={event.id}").json()["messaging_v2"]


def test_before_attach_everyone_is_v2_whatever_the_flag_says(cast, api):
    flag(everyone=False)
    assert started(api(cast.mvp_dealer), cast, cast.attendee)["version"] == "v2"
    assert uses_v2(api(cast.mvp_dealer), cast.event)
    assert rows("SELECT count(*) FROM messages") == [(0,)]


def test_off_a_start_and_a_send_go_by_the_old_tables_whole(attached, api, old):
    answer = started(api(attached.mvp_dealer), attached, attached.attendee)
    assert (answer["version"], by_the_old_tables()) == ("v1", True)
    assert not uses_v2(api(attached.mvp_dealer), attached.event)
    assert [person["user_id"] for person in answer["conversation"]["participants"]] == [
        str(attached.mvp_dealer.id), str(attached.attendee.id),
    ]  # fmt: skip
    assert answer["conversation"]["last_message"]["content"] == "Shall we talk?"
    address = f"/conversations/{answer['conversation']['id']}/messages"
    sent = api(attached.attendee).post(address, {"content": "Yes."})
    assert (sent.status_code, by_the_old_tables()) == (201, True)
    assert old.row(sent.json()["id"])["content"] == "Yes."
    shown = api(attached.mvp_dealer).get(address).json()["items"]
    assert [item["content"] for item in shown] == ["Yes.", "Shall we talk?"]
    assert shown[0]["created_at"] == sent.json()["created_at"]
    assert differences() == []


def test_off_an_offer_of_help_goes_by_the_old_tables(attached, api, help_request):
    answer = api(attached.attendee).post(
        f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape here"}
    )
    assert (answer.status_code, answer.json()["version"], by_the_old_tables()) == (201, "v1", True)
    again = api(attached.attendee).post(
        f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape here"}
    )
    assert (again.json()["code"], again.json()["conversation_id"]) == (
        "conversation_exists", answer.json()["conversation"]["id"],
    )  # fmt: skip
    assert HelpRequest.objects.get().status == "open"
    assert differences() == []


def test_on_they_go_by_the_new_and_are_there_on_the_old_side(attached, api, old):
    flag(users=[attached.mvp_dealer])
    assert started(api(attached.mvp_dealer), attached, attached.attendee)["version"] == "v2"
    assert (by_the_old_tables(), rows("SELECT count(*) FROM messages")) == (False, [(1,)])
    assert uses_v2(api(attached.mvp_dealer), attached.event)
    assert not uses_v2(api(attached.attendee), attached.event)


def test_the_flag_moves_in_the_middle_of_a_conversation(attached, api):
    talk = started(api(attached.mvp_dealer), attached, attached.attendee)["conversation"]["id"]
    paths = []
    for everyone in (True, False, True, None):
        flag(everyone=everyone, percent=0)
        conversations.send(talk, "On we go", by=attached.attendee)
        paths.append(by_the_old_tables())
    assert paths == [False, True, False, True]
    assert differences() == []


def test_groups_go_by_the_new_tables_whatever_the_flag_says(attached, api):
    people = [str(attached.attendee.id), str(attached.dealer.id)]
    answer = api(attached.organizer).post(
        f"/events/{attached.event.id}/conversations", {"recipient_ids": people, "content": "Welcome"}
    )
    assert (answer.json()["version"], by_the_old_tables()) == ("v2", False)


def test_another_event_is_v2(attached, api):
    other = make_event("other")
    join(other, attached.mvp_dealer, "mvp_dealer")
    join(other, attached.attendee, "attendee")
    answer = api(attached.mvp_dealer).post(
        f"/events/{other.id}/conversations", {"recipient_id": str(attached.attendee.id), "content": "Hi"}
    )
    assert answer.json()["version"] == "v2"
    assert uses_v2(api(attached.mvp_dealer), other)


def test_off_a_second_start_finds_the_first(attached, api, refused):
    talk = started(api(attached.mvp_dealer), attached, attached.attendee)["conversation"]["id"]
    again = api(attached.attendee).post(
        f"/events/{attached.event.id}/conversations",
        {"recipient_id": str(attached.mvp_dealer.id), "content": "Me too"},
    )
    refused(again, 409, "conversation_exists", conversation_id=talk)
    assert rows("SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM messages)") == [(1, 1)]
    assert differences() == []


def test_off_the_same_rules_refuse_and_nothing_is_written(attached, api, refused, everything):
    talk = start(attached, attached.mvp_dealer, attached.attendee)
    blocks.block(attached.mvp_dealer.id, by=attached.attendee)
    dealer, attendee = api(attached.mvp_dealer), api(attached.attendee)
    before = everything(), rows("SELECT * FROM messages"), rows("SELECT * FROM conversations")
    address = f"/conversations/{talk.id}/messages"
    refused(dealer.post(address, {"content": "x"}), 403, "permission_denied", reason="blocked")
    start_again = {"recipient_id": str(attached.organizer.id), "content": "x"}
    opened = attendee.post(f"/events/{attached.event.id}/conversations", start_again)
    refused(opened, 403, "permission_denied", reason="role")
    assert (everything(), rows("SELECT * FROM messages"), rows("SELECT * FROM conversations")) == before


def test_off_what_the_old_table_refuses_is_on_neither_side(attached):
    rows("ALTER TABLE messages ADD CHECK (content <> 'no')")
    with pytest.raises(DatabaseError), transaction.atomic():
        start(attached, attached.mvp_dealer, attached.attendee, "no")
    assert not Conversation.objects.exists()
    assert rows("SELECT count(*) FROM conversations") == [(0,)]


def test_off_a_repeat_with_its_key_gets_the_first_answer(attached, api):
    caller, body = api(attached.mvp_dealer), {"recipient_id": str(attached.attendee.id), "content": "Once"}
    first, again = (
        caller.post(f"/events/{attached.event.id}/conversations", body, Idempotency_Key="k") for _ in range(2)
    )
    assert (first.json(), again["Idempotency-Replayed"]) == (again.json(), "true")
    assert rows("SELECT count(*) FROM messages") == [(1,)]


def test_off_what_is_held_waits_on_the_new_side(attached, old):
    from tests.moderation.conftest import active_hold

    talk = start(attached, attached.mvp_dealer, attached.attendee)
    active_hold("tickets")
    held = conversations.send(talk.id, "tickets", by=attached.attendee)
    assert (held.held_at is not None, old.row(held.id)) == (True, None)


def test_someone_who_was_begun_with_goes_on_from_it(attached, old):
    from tests.moderation.conftest import active_hold

    active_hold("tickets")
    start(attached, attached.mvp_dealer, attached.attendee, "tickets")
    found = conversations.start(attached.event.id, attached.mvp_dealer.id, "Hello there", by=attached.attendee)
    assert Conversation.objects.count() == 1
    assert old.row(found.message.id)["content"] == "Hello there"
    assert differences() == []


def test_after_the_cutover_everyone_is_v2_and_after_going_back_the_flag_decides(attached, api):
    from legacy import backfill, verifying

    talk = start(attached, attached.mvp_dealer, attached.attendee)
    backfill.run()
    verifying.run()
    bridge.cutover()
    assert uses_v2(api(attached.attendee), attached.event)
    conversations.send(talk.id, "New", by=attached.attendee)
    assert not by_the_old_tables()
    bridge.rollback()
    assert not uses_v2(api(attached.attendee), attached.event)
    conversations.send(talk.id, "Old", by=attached.attendee)
    assert by_the_old_tables()
    assert differences() == []


def test_who_is_on_the_way_while_it_closes_arrives(attached):
    """The triggers have gone between the choice and the write: the send goes straight, and once."""
    talk = start(attached, attached.mvp_dealer, attached.attendee)
    for name in ("legacy_message_followed", "legacy_conversation_followed"):
        rows(f"ALTER TABLE {'messages' if 'message' in name else 'conversations'} DISABLE TRIGGER {name}")
    sent = conversations.send(talk.id, "Here I come", by=attached.attendee)
    assert Message.objects.filter(id=sent.id, is_bridged=False).count() == 1
    other = start(attached, attached.organizer, attached.attendee)
    assert Message.objects.filter(conversation=other, is_bridged=False).count() == 1


def test_a_muted_person_is_told_so_either_way(attached, api, refused):
    from datetime import timedelta

    from django.utils import timezone

    talk = start(attached, attached.mvp_dealer, attached.attendee)
    change(attached, attached.attendee, muted_until=timezone.now() + timedelta(hours=1))
    for everyone in (True, False):
        flag(everyone=everyone)
        answer = api(attached.attendee).post(f"/conversations/{talk.id}/messages", {"content": "x"})
        refused(answer, 403, "permission_denied", reason="muted")
