"""DELETE /messages/{id}, POST /messages/{id}/remove and /restore."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from messaging import conversations, messages, publishing
from messaging.models import LogEntry, Message, Removal
from tests.conftest import join, make_event
from tests.messaging.conftest import change

REMOVED = "This message was removed by a moderator."
DELETED = "This message was deleted."


@pytest.fixture
def message(cast, direct) -> Message:
    """The attendee's, in private with the MVP dealer."""
    return conversations.send(direct.id, "Tickets, four times the price", by=cast.attendee)


@pytest.fixture
def announcement(cast) -> Message:
    return publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Doors open at nine"
    )


def state(message) -> str | None:
    return Message.objects.get(id=message.id).deleted_by_kind


def told(message) -> int:
    return LogEntry.objects.filter(kind="message.updated", message_id=message.id).count()


# --- One's own -------------------------------------------------------------------------------


def test_a_sender_deletes_for_good_and_a_second_time_does_no_harm(cast, api, message, everything):
    caller = api(cast.attendee)
    assert caller.delete(f"/messages/{message.id}").status_code == 204
    assert (state(message), told(message)) == ("sender", 1)
    trace = AuditEntry.objects.get(action="message_deleted")
    assert (trace.actor_id, trace.object_id, trace.event_id) == (cast.attendee.id, str(message.id), cast.event.id)
    before = everything()
    assert caller.delete(f"/messages/{message.id}").status_code == 204
    assert everything() == before


def test_who_sees_a_message_of_another_is_told_that_it_is_not_theirs(cast, api, denied, message):
    caller = api(cast.mvp_dealer)
    denied(lambda: caller.delete(f"/messages/{message.id}"), 403, "permission_denied", reason="role")


@pytest.mark.parametrize("who", ["dealer", "organizer", "moderator", "removed", "stranger", "staff"])
def test_for_all_others_there_is_no_such_message(cast, api, denied, message, who):
    caller = api(getattr(cast, who))
    one = denied(lambda: caller.delete(f"/messages/{message.id}"), 404, "not_found")
    other = denied(lambda: caller.delete(f"/messages/{uuid4()}"), 404, "not_found")
    assert {**one, "request_id": ""} == {**other, "request_id": ""}


def test_the_muted_may_delete_and_the_suspended_may_not(cast, api, denied, message):
    later = timezone.now() + timedelta(hours=1)
    change(cast, cast.attendee, suspended_until=later)
    caller = api(cast.attendee)
    denied(lambda: caller.delete(f"/messages/{message.id}"), 403, "permission_denied", reason="suspended")
    change(cast, cast.attendee, suspended_until=None, muted_until=later)
    assert caller.delete(f"/messages/{message.id}").status_code == 204


def test_who_was_removed_from_the_event_deletes_nothing_in_it(cast, api, denied, message):
    change(cast, cast.attendee, removed_at=timezone.now())
    caller = api(cast.attendee)
    denied(lambda: caller.delete(f"/messages/{message.id}"), 403, "permission_denied", reason="not_member")


def test_who_left_a_group_may_still_delete_what_they_said_there(cast, api, group):
    said = conversations.send(group.id, "Before I go", by=cast.attendee)
    conversations.take_out(group.id, cast.attendee.id, by=cast.attendee)
    assert api(cast.attendee).delete(f"/messages/{said.id}").status_code == 204


# --- Removing and restoring ------------------------------------------------------------------


@pytest.mark.parametrize("who", ["organizer", "moderator", "staff"])
def test_a_private_message_is_removed_and_restored_without_showing_its_text(cast, api, message, who):
    caller = api(getattr(cast, who))
    answer = caller.post(f"/messages/{message.id}/remove", {"reason": "Scalping"})
    assert answer.status_code == 200
    expected = {
        "id": str(message.id),
        "conversation_id": str(message.conversation_id),
        "event_id": str(cast.event.id),
        "message_type": "direct",
        "sender_id": str(cast.attendee.id),
        "sender_name": "Attendee",
        "sender_avatar_url": None,
        "content": REMOVED,
        "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
        "is_own_message": False,
        "is_deleted": True,
        "is_held": False,
    }
    assert answer.json() == expected
    assert (state(message), told(message)) == ("moderator", 1)
    removal = Removal.objects.get()
    assert (removal.message_id, removal.moderator_id, removal.reason) == (
        message.id,
        getattr(cast, who).id,
        "Scalping",
    )
    answer = caller.post(f"/messages/{message.id}/restore")
    assert (answer.status_code, answer.json()) == (200, {**expected, "content": None, "is_deleted": False})
    assert (state(message), told(message)) == (None, 2)
    removal.refresh_from_db()
    assert removal.restorer_id == getattr(cast, who).id
    assert list(AuditEntry.objects.filter(object_id=message.id).order_by("at").values_list("action", flat=True)) == [
        "message_removed",
        "message_restored",
    ]


def test_the_audit_holds_no_text(cast, message):
    messages.remove(message.id, reason="Scalping canary", by=cast.moderator)
    assert "canary" not in str(list(AuditEntry.objects.values()))


def test_an_announcement_comes_back_with_its_text(cast, api, announcement):
    caller = api(cast.moderator)
    assert caller.post(f"/messages/{announcement.id}/remove", {"reason": "Wrong"}).json()["content"] == REMOVED
    assert caller.post(f"/messages/{announcement.id}/restore").json()["content"] == "Doors open at nine"
    log = LogEntry.objects.filter(kind="message.updated").values_list("event_id", "conversation_id", "user_id")
    assert list(log) == [(cast.event.id, None, None)] * 2


@pytest.mark.parametrize("step", ["remove", "restore"])
def test_who_sees_it_and_may_not_moderate_is_told_role(cast, api, denied, message, announcement, step):
    body = {"reason": "x"} if step == "remove" else None
    for person, seen in [(cast.attendee, message), (cast.mvp_dealer, message), (cast.dealer, announcement)]:
        caller = api(person)
        denied(
            lambda c=caller, s=seen: c.post(f"/messages/{s.id}/{step}", body), 403, "permission_denied", reason="role"
        )


@pytest.mark.parametrize("step", ["remove", "restore"])
@pytest.mark.parametrize("who", ["attendee_2", "dealer", "removed", "stranger", "elsewhere"])
def test_for_who_neither_sees_nor_moderates_there_is_no_such_message(cast, api, denied, message, step, who):
    other = make_event("other")
    person = cast.stranger if who == "elsewhere" else getattr(cast, who)
    if who == "elsewhere":
        join(other, person, "moderator")
    caller = api(person)
    for body in ({"reason": "x"}, {}, None) if step == "remove" else (None,):
        one = denied(lambda b=body: caller.post(f"/messages/{message.id}/{step}", b), 404, "not_found")
        other = denied(lambda b=body: caller.post(f"/messages/{uuid4()}/{step}", b), 404, "not_found")
        assert {**one, "request_id": ""} == {**other, "request_id": ""}


@pytest.mark.parametrize("body", [{}, {"reason": " "}, {"reason": "x" * 1001}, {"reason": "a\u202eb"}, {"reason": 1}])
def test_a_removal_needs_a_reason(cast, api, denied, message, body):
    caller = api(cast.moderator)
    told = denied(lambda: caller.post(f"/messages/{message.id}/remove", body), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == ["#/reason"]


def test_a_wrong_body_is_told_before_that_one_may_not(cast, api, denied, message):
    caller = api(cast.mvp_dealer)
    denied(lambda: caller.post(f"/messages/{message.id}/remove", {}), 400, "validation_error")


def test_the_suspended_moderate_nothing_and_the_muted_do(cast, api, denied, message):
    later = timezone.now() + timedelta(hours=1)
    change(cast, cast.moderator, suspended_until=later)
    caller = api(cast.moderator)
    denied(
        lambda: caller.post(f"/messages/{message.id}/remove", {"reason": "x"}),
        403,
        "permission_denied",
        reason="suspended",
    )
    change(cast, cast.moderator, suspended_until=None, muted_until=later)
    assert caller.post(f"/messages/{message.id}/remove", {"reason": "x"}).status_code == 200


def test_a_sanction_does_not_take_moderating_from_staff(cast, api, message):
    join(cast.event, cast.staff, "attendee", suspended_until=timezone.now() + timedelta(hours=1))
    assert api(cast.staff).post(f"/messages/{message.id}/remove", {"reason": "x"}).status_code == 200


# What each step makes of each state, written by hand: where it stands afterwards, or what it is told.
STEPS = {
    ("visible", "delete"): "deleted",
    ("visible", "remove"): "removed",
    ("visible", "restore"): None,
    ("removed", "delete"): "deleted",
    ("removed", "remove"): None,
    ("removed", "restore"): "visible",
    ("deleted", "delete"): "deleted",
    ("deleted", "remove"): None,
    ("deleted", "restore"): None,
    ("held", "delete"): "deleted",
    ("held", "remove"): "removed",
    ("held", "restore"): None,
    ("visible", "release"): None,
    ("removed", "release"): None,
    ("deleted", "release"): None,
    ("held", "release"): "visible",
}
KINDS = {"visible": None, "removed": "moderator", "deleted": "sender"}


@pytest.mark.parametrize(("stands", "step"), STEPS)
def test_every_step_from_every_state(cast, api, denied, message, stands, step):
    if stands == "removed":
        messages.remove(message.id, reason="x", by=cast.moderator)
    if stands == "deleted":
        messages.delete(message.id, by=cast.attendee)
    if stands == "held":
        Message.objects.filter(id=message.id).update(held_at=timezone.now())
    caller = api(cast.attendee if step == "delete" else cast.moderator)

    def call():
        if step == "delete":
            return caller.delete(f"/messages/{message.id}")
        return caller.post(f"/messages/{message.id}/{step}", {"reason": "x"} if step == "remove" else None)

    after = STEPS[stands, step]
    if after is None:
        denied(call, 409, "invalid_state", current_state=stands)
    else:
        assert call().status_code == (204 if step == "delete" else 200)
        assert state(message) == KINDS[after]


def test_the_table_of_steps_is_the_one_above():
    moves = {(stands, step): after for step, moves in messages.TRANSITIONS.items() for stands, after in moves.items()}
    harmless = {("deleted", "delete"): "deleted"}
    assert {**moves, **harmless} == {cell: after for cell, after in STEPS.items() if after}


@pytest.mark.parametrize(("by", "shown"), [("moderator", REMOVED), ("sender", DELETED)])
def test_where_it_was_last_a_placeholder_stands(cast, api, message, by, shown):
    if by == "moderator":
        messages.remove(message.id, reason="x", by=cast.moderator)
    else:
        messages.delete(message.id, by=cast.attendee)
    from messaging import shapes

    row = Message.objects.select_related("sender").get(id=message.id)
    found = shapes.message(row, cast.mvp_dealer)
    assert (found["content"], found["is_deleted"]) == (shown, True)
