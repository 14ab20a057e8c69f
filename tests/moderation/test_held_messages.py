"""A held message is its sender's alone until a moderator lets it out; then it is as if it had been sent now."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from messaging import conversations, messages, publishing, reads
from messaging.models import Conversation, Delivery, LogEntry, Message
from moderation.models import Case, RuleHit
from tests.messaging.conftest import change
from tests.moderation.test_content_rules import active


@pytest.fixture
def hold(cast):
    return active(kind="blocked_words", words=["tickets"], outcome="hold")


def audiences() -> list[tuple]:
    return [(one.kind, one.conversation_id, one.user_id) for one in LogEntry.objects.order_by("id")]


def texts(conversation_id, person) -> list[str]:
    return [
        row.content for row in reads.list_messages(conversation_id, {"limit": 50, "cursor": None}, by=person)["items"]
    ]


def test_nobody_but_its_sender_hears_of_it(cast, api, direct, hold):
    before = Conversation.objects.get()
    LogEntry.objects.all().delete()
    answer = api(cast.attendee).post(f"/conversations/{direct.id}/messages", {"content": "Tickets here"})
    assert (answer.status_code, answer.json()["is_held"]) == (201, True)
    held = Message.objects.get(content="Tickets here")
    assert held.held_at == held.created_at
    after = Conversation.objects.get()
    assert (after.last_message_id, after.last_message_at) == (before.last_message_id, before.last_message_at)
    assert Delivery.objects.filter(message=held).count() == 0
    assert audiences() == [("message.created", None, cast.attendee.id)]
    assert texts(direct.id, cast.attendee) == ["Tickets here", "Hello"]
    assert texts(direct.id, cast.mvp_dealer) == ["Hello"]
    assert reads.count_unread(cast.event.id, by=cast.mvp_dealer) == 0
    case = Case.objects.get()
    assert (case.message_id, case.status) == (held.id, "pending")
    assert RuleHit.objects.get().rule_id == hold.id


def test_let_out_it_is_delivered_unread_and_the_last_thing_said(cast, api, direct, hold):
    held = conversations.send(direct.id, "Tickets here", by=cast.attendee)
    later = conversations.send(direct.id, "Are you there?", by=cast.mvp_dealer)
    conversations.mark_read(direct.id, later.id, by=cast.mvp_dealer)
    LogEntry.objects.all().delete()
    shown = api(cast.moderator).post(f"/messages/{held.id}/release").json()
    assert (shown["is_held"], shown["content"]) == (False, None)
    out = Message.objects.get(id=held.id)
    assert out.held_at is None
    assert out.created_at > later.created_at
    delivery = Delivery.objects.get(message=held.id)
    assert (delivery.user_id, delivery.message_created_at) == (cast.mvp_dealer.id, out.created_at)
    talk = Conversation.objects.get()
    assert (talk.last_message_id, talk.last_message_at) == (held.id, out.created_at)
    assert reads.count_unread(cast.event.id, by=cast.mvp_dealer) == 1
    assert texts(direct.id, cast.mvp_dealer) == ["Tickets here", "Are you there?", "Hello"]
    assert audiences() == [("message.created", direct.id, None), ("message.updated", None, cast.attendee.id)]
    assert AuditEntry.objects.filter(action="message_released", actor_id=cast.moderator.id).count() == 1


def test_only_what_is_held_is_let_out_and_only_once(cast, api, denied, direct, hold):
    held = conversations.send(direct.id, "Tickets here", by=cast.attendee)
    caller = api(cast.moderator)
    assert caller.post(f"/messages/{held.id}/release").status_code == 200
    denied(lambda: caller.post(f"/messages/{held.id}/release"), 409, "invalid_state", current_state="visible")


def test_a_removed_one_goes_out_when_it_is_restored(cast, direct, hold):
    held = conversations.send(direct.id, "Tickets here", by=cast.attendee)
    messages.remove(held.id, reason="no", by=cast.moderator)
    assert texts(direct.id, cast.mvp_dealer) == ["Hello"]
    messages.restore(held.id, by=cast.organizer)
    assert texts(direct.id, cast.mvp_dealer) == ["Tickets here", "Hello"]
    assert Delivery.objects.filter(message=held.id).count() == 1


def test_a_case_dismissed_with_restore_lets_it_out(cast, direct, hold):
    from moderation import access, decisions

    held = conversations.send(direct.id, "Tickets here", by=cast.attendee)
    case = Case.objects.get()
    decisions.decide(
        access.find_case(case.id, by=cast.moderator), decision="dismissed", actions=[{"type": "restore_message"}],
        version=1, by=cast.moderator,
    )  # fmt: skip
    assert Message.objects.get(id=held.id).held_at is None


def test_a_deleted_one_tells_nobody_else(cast, direct, hold):
    held = conversations.send(direct.id, "Tickets here", by=cast.attendee)
    LogEntry.objects.all().delete()
    messages.delete(held.id, by=cast.attendee)
    assert audiences() == [("message.updated", None, cast.attendee.id)]


def test_a_group_gets_it_as_it_is_when_it_goes_out(cast, group, hold):
    held = conversations.send(group.id, "Tickets here", by=cast.organizer)
    conversations.invite(group.id, cast.attendee_2.id, by=cast.organizer)
    change(cast, cast.dealer, removed_at="2026-01-01T00:00Z")
    messages.release(held.id, by=cast.moderator)
    assert set(Delivery.objects.filter(message=held.id).values_list("user_id", flat=True)) == {
        cast.attendee.id, cast.attendee_2.id,
    }  # fmt: skip


def test_a_message_at_large_is_delivered_when_it_goes_out(cast):
    message = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Hear this"
    )
    Message.objects.filter(id=message.id).update(held_at=message.created_at)
    messages.release(message.id, by=cast.moderator)
    # All members but its sender.
    assert Delivery.objects.filter(message=message.id).count() == 5


@pytest.mark.parametrize("who", ["attendee", "mvp_dealer", "attendee_2", "stranger"])
def test_only_moderators_let_out(cast, api, denied, direct, hold, who):
    held = conversations.send(direct.id, "Tickets here", by=cast.attendee)
    caller = api(getattr(cast, who))
    status, code = (403, "permission_denied") if who == "attendee" else (404, "not_found")
    denied(lambda: caller.post(f"/messages/{held.id}/release"), status, code)
