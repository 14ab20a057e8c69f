"""A text on its way: handed over once, and what became of it is on its row, its delivery, its steps and the log."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from api import maintenance
from messaging.models import Delivery, LogEntry, Message, OptOut, Text
from messaging.sms import claims, provider, sending
from tests.messaging.sms.conftest import (
    PHONE,
    PHONES,
    WORDS,
    age,
    change_event,
    change_membership,
    delivery,
    drain,
    end_threads,
    fresh,
    make_due,
    publish,
    states,
    steps,
    to_one,
)


def test_each_member_with_a_phone_gets_the_text_once(phones, told):
    message = publish(phones)
    drain()
    drain()
    assert sorted(call["To"] for call in told.calls) == sorted(PHONES.values())
    assert {call["Body"] for call in told.calls} == {WORDS}
    assert states(message) == dict.fromkeys(PHONES, "sent")


def test_what_became_of_it_stands_everywhere(phones, told):
    text = to_one(phones)
    drain()
    found = fresh(text)
    assert (found.state, found.sid, found.phone, found.attempts) == ("sent", told.messages[0]["sid"], PHONE, 1)
    assert (found.lease_token, found.lease_until) == (None, None)
    assert delivery(text).sms_status == "sent"
    assert steps(text) == [("queued", "sending", "claim"), ("sending", "sent", "answer")]
    told_of = LogEntry.objects.filter(kind="delivery.updated", user_id=phones.organizer.id).order_by("id").last()
    assert told_of.message_id == text.message_id
    assert told_of.data == {"deliveries": [{"user_id": str(phones.attendee.id), "delivery_status": "sent"}]}


def test_a_call_has_what_the_provider_needs(phones, told, settings):
    text = to_one(phones)
    drain()
    (call,) = told.calls
    assert call["path"] == f"/base/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/Messages.json"
    assert call["From"] == "+15005550006"
    assert "MessagingServiceSid" not in call
    assert "ValidityPeriod" not in call
    begin = f"{settings.PUBLIC_URL}/api/v1/webhooks/twilio/status?delivery={text.delivery_id}.1."
    assert call["StatusCallback"].startswith(begin)
    assert call["authorization"].startswith("Basic ")


def test_a_messaging_service_stands_in_for_a_number(phones, told, settings):
    settings.TWILIO_MESSAGING_SERVICE_SID = "MG" + "2" * 32
    to_one(phones)
    drain()
    assert told.calls[0]["MessagingServiceSid"] == settings.TWILIO_MESSAGING_SERVICE_SID
    assert "From" not in told.calls[0]


def test_the_provider_knows_until_when_a_text_is_worth_sending(phones, told):
    to_one(phones, valid_until=timezone.now() + timedelta(minutes=30))
    drain()
    assert 1700 < int(told.calls[0]["ValidityPeriod"]) <= 1800


def test_too_many_requests_are_tried_again_later_and_later(phones, told):
    text = to_one(phones)
    pauses = []
    for _ in range(4):
        told.script = [(429, 20429)]
        drain()
        found = fresh(text)
        assert (found.state, found.code) == ("queued", 20429)
        pauses.append((found.next_at - found.moved_at).total_seconds())
        make_due(text)
    assert pauses[0] < 2 < pauses[2] < pauses[3]
    drain()
    assert fresh(text).state == "sent"
    assert told.texts_to(PHONE) == [WORDS]


def test_tried_too_often_it_ends(phones, told, settings):
    settings.SMS_MOST_ATTEMPTS = 3
    text = to_one(phones)
    told.script = [429] * 3
    for _ in range(5):
        drain()
        if fresh(text).state == "queued":
            make_due(text)
    assert (fresh(text).state, fresh(text).reason, fresh(text).attempts) == ("failed", "tried_too_often", 3)
    assert len(told.calls) == 3


def test_where_nobody_answers_the_door_it_is_tried_again(phones, told, settings):
    text = to_one(phones)
    settings.TWILIO_BASE_URL = "http://127.0.0.1:1"
    provider.forget_client()
    drain()
    assert (fresh(text).state, fresh(text).attempts) == ("queued", 1)
    assert fresh(text).next_at > timezone.now() - timedelta(seconds=1)


@pytest.mark.parametrize("fault", ["accept_then_500", 500, 503, "hang_up", "accept_then_silence"])
def test_what_is_not_known_is_not_repeated(phones, told, settings, fault):
    settings.LEASE_SECONDS = 1
    text = to_one(phones)
    told.script = [fault]
    drain()
    for _ in range(3):
        make_due(text)
        drain()
    assert fresh(text).state == "unknown"
    assert delivery(text).sms_status == "unknown"
    assert len(told.calls) == 1


@pytest.mark.parametrize(
    ("answer", "state", "reason", "code"),
    [
        ((400, 21211), "failed", "unusable_phone", 21211),
        ((400, 21408), "suppressed", "country", 21408),
        ((400, 21610), "suppressed", "opted_out", 21610),
        ((400, 21614), "failed", "unusable_phone", 21614),
        ((400, 21617), "failed", "too_long", 21617),
        ((400, 99999), "failed", None, 99999),
        ((401, 20003), "failed", "our_account", 20003),
        ((403, None), "failed", "our_account", None),
        ((400, None), "failed", None, None),
    ],
)
def test_a_refusal_is_for_good(phones, told, answer, state, reason, code):
    text = to_one(phones)
    told.script = [answer]
    drain()
    drain()
    found = fresh(text)
    assert (found.state, found.reason, found.code) == (state, reason, code)
    assert len(told.calls) == 1


def test_one_bad_phone_stops_nobody(phones, told):
    message = publish(phones)
    told.script = [(400, 21211), 500, 429]
    drain()
    found = sorted(states(message).values())
    assert found == ["failed/unusable_phone", "queued", "sent", "sent", "unknown"]


def test_a_phone_that_has_opted_out_at_the_provider_gets_nothing_more(phones, told):
    told.script = [(400, 21610)]
    to_one(phones)
    drain()
    assert OptOut.objects.get(phone=PHONE).cause == "provider"
    text = to_one(phones, "Another")
    drain()
    assert (fresh(text).state, fresh(text).reason, fresh(text).attempts) == ("suppressed", "opted_out", 0)
    assert len(told.calls) == 1


def test_a_phone_that_takes_no_texts_counts_as_none_from_then_on(phones, told):
    told.script = [(400, 21614)]
    to_one(phones)
    drain()
    text = to_one(phones, "Another")
    drain()
    assert (fresh(text).state, fresh(text).reason) == ("suppressed", "no_phone")


def opts_out(cast):
    OptOut.objects.create(phone=PHONE, cause="stop")


def loses_phone(cast):
    User.objects.filter(id=cast.attendee.id).update(phone=None)


def is_removed(cast):
    change_membership(cast, cast.attendee, removed_at=timezone.now())


def is_switched_off(cast):
    User.objects.filter(id=cast.attendee.id).update(is_active=False)


def is_suspended(cast):
    change_membership(cast, cast.attendee, suspended_until=timezone.now() + timedelta(hours=1))


def message_is_removed(cast):
    Message.objects.update(deleted_at=timezone.now(), deleted_by_kind="moderator")


def moves_abroad(cast):
    User.objects.filter(id=cast.attendee.id).update(phone="+8613812345678")


CHANGES = [
    (opts_out, "opted_out"),
    (loses_phone, "no_phone"),
    (is_removed, "not_member"),
    (is_switched_off, "not_member"),
    (is_suspended, "suspended"),
    (message_is_removed, "message_removed"),
    (moves_abroad, "country"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_people_and_messages_are_looked_at_again_before_a_call(phones, told, change, reason):
    text = to_one(phones)
    change(phones)
    drain()
    assert (fresh(text).state, fresh(text).reason) == ("suppressed", reason)
    assert delivery(text).sms_status == "suppressed"
    assert told.calls == []


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_and_once_more_between_claim_and_call(phones, told, change, reason):
    text = to_one(phones)
    claim = claims.claim(10)
    change(phones)
    results = [sending.hand_over(due, claim.token) for due in claim.due]
    claims.note(claim.token, results)
    assert told.calls == []
    assert fresh(text).state == "queued"
    make_due(text)
    drain()
    assert (fresh(text).state, fresh(text).reason, told.calls) == ("suppressed", reason, [])


def test_muted_people_still_get_texts(phones, told):
    change_membership(phones, phones.attendee, muted_until=timezone.now() + timedelta(hours=1))
    text = to_one(phones)
    drain()
    assert fresh(text).state == "sent"


def test_who_has_a_new_phone_gets_it_there(phones, told):
    text = to_one(phones)
    User.objects.filter(id=phones.attendee.id).update(phone="+4915199999999")
    drain()
    assert [call["To"] for call in told.calls] == ["+4915199999999"]
    assert fresh(text).phone == "+4915199999999"


def test_what_is_no_longer_valid_is_not_sent(phones, told):
    text = to_one(phones, valid_until=timezone.now() + timedelta(hours=1))
    Text.objects.filter(delivery_id=text.delivery_id).update(valid_until=timezone.now() - timedelta(seconds=1))
    drain()
    assert (fresh(text).state, fresh(text).reason, told.calls) == ("suppressed", "expired", [])


def test_quiet_hours_hold_a_text_until_they_end(phones, told):
    change_event(phones, timezone="UTC", quiet_from=clock(-60), quiet_until=clock(60))
    text = to_one(phones)
    drain()
    found = fresh(text)
    assert (found.state, found.reason, told.calls) == ("queued", "quiet_hours", [])
    assert timedelta(minutes=58) < found.next_at - timezone.now() <= timedelta(minutes=60)
    change_event(phones, quiet_from=clock(120), quiet_until=clock(180))
    make_due(text)
    drain()
    assert (fresh(text).state, fresh(text).reason) == ("sent", None)


def test_quiet_hours_end_a_text_that_is_valid_no_longer(phones, told):
    change_event(phones, timezone="UTC", quiet_from=clock(-60), quiet_until=clock(60))
    until = timezone.now() + timedelta(minutes=10)
    text = to_one(phones, valid_until=until)
    drain()
    assert fresh(text).state == "queued"
    assert until <= fresh(text).next_at < until + timedelta(seconds=30)
    Text.objects.filter(delivery_id=text.delivery_id).update(valid_until=timezone.now())
    make_due(text)
    drain()
    assert (fresh(text).state, fresh(text).reason, told.calls) == ("suppressed", "quiet_hours", [])


def test_quiet_hours_that_began_since_it_was_claimed_hold_it_too(phones, told):
    """A batch takes its time where the provider is slow."""
    text = to_one(phones)
    change_event(phones, timezone="UTC", quiet_from=clock(60), quiet_until=clock(120))
    claim = claims.claim(10)
    in_time = timezone.now() + timedelta(minutes=90)
    with at(in_time):
        claims.note(claim.token, [sending.hand_over(due, claim.token) for due in claim.due])
    assert (fresh(text).state, fresh(text).attempts, told.calls) == ("queued", 0, [])


@contextmanager
def at(moment):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: moment)
        yield


def clock(minutes: int):
    return (timezone.now() + timedelta(minutes=minutes)).time().replace(second=0, microsecond=0)


def test_texts_wait_for_the_end_of_maintenance(phones, told):
    text = to_one(phones)
    maintenance.switch_on()
    drain()
    assert (fresh(text).state, told.calls) == ("queued", [])
    maintenance.switch_off()
    drain()
    assert fresh(text).state == "sent"


def test_without_a_provider_texts_wait(phones, told, settings):
    settings.SMS_BACKEND = None
    text = to_one(phones)
    drain()
    assert (fresh(text).state, told.calls) == ("queued", [])


def test_a_broadcast_without_texts_leaves_none(phones, told):
    from messaging import publishing

    message = publishing.publish(
        by=phones.organizer, event_id=phones.event.id, message_type="announcement", content="Only here."
    )
    publishing.deliver_all(message)
    assert not Text.objects.filter(message_id=message.id).exists()
    assert set(Delivery.objects.filter(message=message).values_list("sms_status", flat=True)) == {None}


def test_a_fan_out_that_is_repeated_texts_nobody_twice(phones, told):
    from messaging import publishing

    message = publish(phones)
    publishing.deliver(message, is_texted=True)
    assert Text.objects.filter(message_id=message.id).count() == len(PHONES)


@pytest.mark.django_db(transaction=True)
def test_several_threads_share_a_batch(told, settings, request):
    settings.SMS_THREADS = 4
    phones = request.getfixturevalue("phones")
    for number in range(5):
        publish(phones, f"Number {number}")
    drain()
    end_threads()
    assert sorted((call["To"], call["Body"]) for call in told.calls) == sorted(
        (phone, f"Number {number}") for phone in PHONES.values() for number in range(5)
    )
    assert set(Text.objects.values_list("state", flat=True)) == {"sent"}


def test_an_old_call_is_no_reason_against_a_new_one(phones, told):
    text = to_one(phones)
    told.script = [429]
    drain()
    age(text, 600)
    drain()
    assert (fresh(text).state, fresh(text).attempts) == ("sent", 2)
