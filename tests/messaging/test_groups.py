"""POST /conversations/{id}/participants and DELETE /conversations/{id}/participants/{user_id}."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from events.models import Block
from messaging import conversations
from messaging.models import Conversation, LogEntry, Participant
from tests.conftest import join, make_user
from tests.messaging.conftest import change


def people(talk) -> set:
    return set(Participant.objects.filter(conversation=talk).values_list("user_id", flat=True))


# --- Inviting --------------------------------------------------------------------------------


def test_the_maker_adds_someone_who_is_told_of_it(cast, api, group):
    answer = api(cast.organizer).post(f"/conversations/{group.id}/participants", {"user_id": str(cast.mvp_dealer.id)})
    assert (answer.status_code, answer.content) == (204, b"")
    assert people(group) == {cast.organizer.id, cast.attendee.id, cast.dealer.id, cast.mvp_dealer.id}
    told = LogEntry.objects.get(kind="conversation.created", user_id=cast.mvp_dealer.id)
    assert (told.conversation_id, told.data) == (None, {"conversation_id": str(group.id)})
    trace = AuditEntry.objects.get(action="participant_added")
    assert (trace.actor_id, trace.object_id) == (cast.organizer.id, str(group.id))
    assert trace.data == {"user_id": str(cast.mvp_dealer.id)}


def test_who_is_in_it_already_changes_nothing(cast, api, group, everything):
    Block.objects.create(blocker=cast.attendee, blocked=cast.organizer)
    caller, before = api(cast.organizer), everything
    before = everything()
    answer = caller.post(f"/conversations/{group.id}/participants", {"user_id": str(cast.attendee.id)})
    assert answer.status_code == 204
    assert everything() == before


def test_only_the_maker_adds(cast, api, denied, group):
    caller = api(cast.attendee)
    for person in (cast.mvp_dealer, cast.dealer):
        denied(
            lambda p=person: caller.post(f"/conversations/{group.id}/participants", {"user_id": str(p.id)}),
            403,
            "permission_denied",
            reason="role",
        )


def test_who_is_no_member_cannot_be_added(cast, api, denied, group):
    caller = api(cast.organizer)
    for person in (cast.stranger.id, cast.removed.id, uuid4()):
        denied(
            lambda p=person: caller.post(f"/conversations/{group.id}/participants", {"user_id": str(p)}),
            403,
            "permission_denied",
            reason="not_member",
        )


@pytest.mark.parametrize("way", ["mine", "theirs"])
def test_a_block_stands_in_the_way_of_an_invitation(cast, api, denied, group, way):
    pair = (cast.organizer, cast.mvp_dealer) if way == "mine" else (cast.mvp_dealer, cast.organizer)
    Block.objects.create(blocker=pair[0], blocked=pair[1])
    caller = api(cast.organizer)
    denied(
        lambda: caller.post(f"/conversations/{group.id}/participants", {"user_id": str(cast.mvp_dealer.id)}),
        403,
        "permission_denied",
        reason="blocked",
    )


def test_a_pair_takes_nobody_in(cast, api, denied):
    talk = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.organizer).conversation
    caller = api(cast.organizer)
    for person in (cast.dealer, cast.attendee):
        denied(
            lambda p=person: caller.post(f"/conversations/{talk.id}/participants", {"user_id": str(p.id)}),
            409,
            "invalid_state",
            current_state="direct",
        )


def test_a_group_of_fifty_is_full(cast, api, denied):
    crowd = [make_user(f"crowd_{number}") for number in range(50)]
    for person in crowd:
        join(cast.event, person)
    group = conversations.start_group(
        cast.event.id, [person.id for person in crowd[:49]], "Hello", by=cast.organizer
    ).conversation
    caller = api(cast.organizer)
    denied(
        lambda: caller.post(f"/conversations/{group.id}/participants", {"user_id": str(crowd[49].id)}),
        409,
        "invalid_state",
        current_state="full",
    )
    # One who is in it already stays welcome.
    answer = caller.post(f"/conversations/{group.id}/participants", {"user_id": str(crowd[0].id)})
    assert answer.status_code == 204


@pytest.mark.parametrize("body", [{}, {"user_id": "x"}, {"user_id": SystemExit.__name__}, {"user_ids": []}])
def test_an_invitation_names_a_person(cast, api, denied, group, body):
    caller = api(cast.organizer)
    denied(lambda: caller.post(f"/conversations/{group.id}/participants", body), 400, "validation_error")


@pytest.mark.parametrize("body", [{}, {"user_id": "x"}])
def test_for_an_outsider_there_is_no_group_whatever_the_body(cast, api, denied, group, body):
    caller = api(cast.moderator)
    denied(lambda: caller.post(f"/conversations/{group.id}/participants", body), 404, "not_found")


# --- Leaving and being taken out -------------------------------------------------------------


def test_anyone_may_leave_and_finds_it_no_more(cast, api, refused, group):
    caller = api(cast.attendee)
    assert caller.delete(f"/conversations/{group.id}/participants/{cast.attendee.id}").status_code == 204
    assert people(group) == {cast.organizer.id, cast.dealer.id}
    refused(caller.post(f"/conversations/{group.id}/messages", {"content": "Hi"}), 404, "not_found")
    refused(caller.delete(f"/conversations/{group.id}/participants/{cast.attendee.id}"), 404, "not_found")
    trace = AuditEntry.objects.get(action="participant_removed")
    assert (trace.actor_id, trace.data) == (cast.attendee.id, {"user_id": str(cast.attendee.id)})


def test_the_maker_takes_anyone_out(cast, api, group):
    assert api(cast.organizer).delete(f"/conversations/{group.id}/participants/{cast.dealer.id}").status_code == 204
    assert people(group) == {cast.organizer.id, cast.attendee.id}


def test_nobody_else_takes_anyone_out(cast, api, denied, group):
    caller = api(cast.attendee)
    for person in (cast.dealer, cast.organizer):
        denied(
            lambda p=person: caller.delete(f"/conversations/{group.id}/participants/{p.id}"),
            403,
            "permission_denied",
            reason="role",
        )


def test_who_is_not_in_it_is_not_found_there(cast, api, denied, group):
    caller = api(cast.organizer)
    for person in (cast.mvp_dealer.id, uuid4(), "x"):
        denied(lambda p=person: caller.delete(f"/conversations/{group.id}/participants/{p}"), 404, "not_found")


def test_when_the_maker_leaves_who_stood_longest_follows_and_may_add(cast, api, group):
    conversations.invite(group.id, cast.mvp_dealer.id, by=cast.organizer)
    Participant.objects.filter(conversation=group, user=cast.dealer).update(
        joined_at=timezone.now() - timedelta(days=1)
    )
    conversations.take_out(group.id, cast.organizer.id, by=cast.organizer)
    assert Conversation.objects.get(id=group.id).maker_id == cast.dealer.id
    conversations.take_out(group.id, cast.dealer.id, by=cast.dealer)
    assert Conversation.objects.get(id=group.id).maker_id == cast.attendee.id
    conversations.take_out(group.id, cast.attendee.id, by=cast.attendee)
    answer = api(cast.mvp_dealer).post(f"/conversations/{group.id}/participants", {"user_id": str(cast.dealer.id)})
    assert answer.status_code == 204


def test_the_last_one_leaves_an_empty_group_behind(cast, group):
    for person in (cast.organizer, cast.attendee, cast.dealer):
        conversations.take_out(group.id, person.id, by=person)
    assert people(group) == set()
    assert group.messages.count() == 1


def test_the_muted_may_leave_and_the_suspended_may_not(cast, api, denied, group):
    later = timezone.now() + timedelta(hours=1)
    change(cast, cast.attendee, muted_until=later)
    change(cast, cast.dealer, suspended_until=later)
    assert api(cast.attendee).delete(f"/conversations/{group.id}/participants/{cast.attendee.id}").status_code == 204
    caller = api(cast.dealer)
    denied(
        lambda: caller.delete(f"/conversations/{group.id}/participants/{cast.dealer.id}"),
        403,
        "permission_denied",
        reason="suspended",
    )


def test_nobody_leaves_a_pair(cast, api, denied, direct):
    caller = api(cast.attendee)
    denied(
        lambda: caller.delete(f"/conversations/{direct.id}/participants/{cast.attendee.id}"),
        409,
        "invalid_state",
        current_state="direct",
    )


def test_who_left_may_be_invited_again(cast, api, group):
    conversations.take_out(group.id, cast.attendee.id, by=cast.attendee)
    conversations.invite(group.id, cast.attendee.id, by=cast.organizer)
    assert cast.attendee.id in people(group)


def test_a_repeated_204_has_the_headers_of_the_first(cast, api, group):
    caller, body = api(cast.organizer), {"user_id": str(cast.attendee_2.id)}
    first, again = (
        caller.post(f"/conversations/{group.id}/participants", body, Idempotency_Key="once") for _ in range(2)
    )
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (204, 204, "true")
    assert again.get("Content-Type") == first.get("Content-Type")


@pytest.mark.parametrize("what", ["message", "participant"])
def test_a_delete_takes_no_unknown_fields_either(cast, api, denied, group, what):
    address = {
        "message": f"/messages/{group.last_message_id}",
        "participant": f"/conversations/{group.id}/participants/{cast.attendee.id}",
    }[what]
    caller = api(cast.organizer)
    body = denied(lambda: caller.delete(address, {"colour": "red"}), 400, "validation_error")
    assert [error["pointer"] for error in body["errors"]] == ["#/colour"]


def test_a_maker_who_was_removed_from_the_event_takes_nobody_out_of_its_group(cast, api, denied, group):
    change(cast, cast.organizer, removed_at=timezone.now())
    address = f"/conversations/{group.id}/participants/{cast.attendee.id}"
    caller = api(cast.organizer)
    denied(lambda: caller.delete(address), 403, "permission_denied", reason="not_member")


def test_a_group_is_handed_on_to_who_is_still_a_member_of_the_event(cast, group):
    change(cast, cast.attendee, removed_at=timezone.now())
    conversations.take_out(group.id, cast.organizer.id, by=cast.organizer)
    assert Conversation.objects.get(id=group.id).maker_id == cast.dealer.id
