"""STOP, START and HELP: a whole text that is such a word, from the phone itself, and answered once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from messaging.models import Callback, OptOut
from messaging.sms import inbound, optouts
from tests.conftest import make_user
from tests.messaging.sms.conftest import PHONE, drain, fresh, to_one
from tests.messaging.sms.test_webhooks import Caller, twilio  # noqa: F401

EMPTY = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
SIDS = [f"SM{number:032}" for number in range(20)]


def is_out(phone: str = PHONE) -> bool:
    return OptOut.objects.filter(phone=phone, lifted_at=None).exists()


@pytest.mark.parametrize("word", ["STOP", "StopAll", " unsubscribe ", "CANCEL\n", "end", "Quit"])
def test_words_that_end_texts(phones, told, twilio: Caller, word):  # noqa: F811
    answer = twilio.inbound(word)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert answer.content == EMPTY
    assert is_out()
    text = to_one(phones)
    drain()
    assert (fresh(text).state, fresh(text).reason, told.calls) == ("suppressed", "opted_out", [])


@pytest.mark.parametrize("word", ["START", "yes", " UnStop"])
def test_words_that_begin_them_again(phones, told, twilio: Caller, word):  # noqa: F811
    twilio.inbound("STOP", sid=SIDS[0])
    twilio.inbound(word, sid=SIDS[1])
    assert not is_out()
    text = to_one(phones)
    drain()
    assert fresh(text).state == "sent"


@pytest.mark.parametrize("words", ["please STOP", "STOP IT", "stopp", "YES please", "", "Ｓtop", "stop.", "helpme"])
def test_other_words_move_nothing(phones, told, twilio: Caller, words):  # noqa: F811
    assert twilio.inbound(words).content == EMPTY
    assert not OptOut.objects.exists()
    assert Callback.objects.get().fields["Body"] == words


@pytest.mark.parametrize(
    ("word", "meaning"), [("STOP", "stop"), ("START", "start"), ("HELP", "help"), ("info", "help")]
)
def test_where_the_provider_does_not_answer_we_do(phones, told, twilio: Caller, settings, word, meaning):  # noqa: F811
    settings.SMS_PROVIDER_ANSWERS = False
    assert inbound.ANSWERS[meaning] in twilio.inbound(word, sid=SIDS[0]).content.decode()
    assert twilio.inbound(word, sid=SIDS[1], fields={"OptOutType": meaning.upper()}).content == EMPTY


@pytest.mark.parametrize("word", ["STOP", "START", "HELP"])
def test_where_it_does_we_do_not(phones, told, twilio: Caller, word):  # noqa: F811
    assert twilio.inbound(word).content == EMPTY


def test_an_opt_out_outlives_its_member_and_account(phones, told, twilio: Caller):  # noqa: F811
    twilio.inbound("STOP")
    User.objects.filter(id=phones.attendee.id).update(phone=None)
    newcomer = make_user("newcomer", phone=PHONE)
    assert is_out()
    assert OptOut.objects.get().cause == "stop"
    from tests.conftest import join

    join(phones.event, newcomer)
    from tests.messaging.sms.conftest import publish, states

    message = publish(phones, roles=["attendee"])
    drain()
    assert states(message)["newcomer"] == "suppressed/opted_out"


@pytest.mark.parametrize("sender", ["whatsapp:+4915112345601", "12345", "ACME", ""])
def test_senders_that_are_no_phones_do_no_harm(phones, told, twilio: Caller, sender):  # noqa: F811
    assert twilio.inbound("STOP", phone=sender).status_code == 200
    assert not OptOut.objects.exists()


def test_a_persons_stop_stays_the_reason(db):
    optouts.close(PHONE, "unusable")
    assert optouts.close(PHONE, "stop")
    assert not optouts.close(PHONE, "provider")
    assert not optouts.close(PHONE, "unusable")
    assert OptOut.objects.get().cause == "stop"


@pytest.mark.parametrize("cause", ["stop", "provider"])
def test_what_staff_entered_is_theirs_no_longer_once_the_phone_says_so_itself(cast, cause):
    optouts.close_by_staff(PHONE, by=cast.staff)
    assert not optouts.close(PHONE, "unusable")
    optouts.close(PHONE, cause)
    assert OptOut.objects.get().cause == cause
    assert not optouts.lift_by_staff(PHONE, by=cast.staff)
    assert not optouts.close_by_staff(PHONE, by=cast.staff)
    assert is_out()


def test_a_stop_without_the_providers_name_for_it_is_heard_too(db):
    for phone in ("+4915112345681", "+4915112345682"):
        inbound.take_in({"From": phone, "Body": "STOP"})
    assert OptOut.objects.filter(lifted_at=None).count() == 2


def test_clocks_that_differ_keep_nobody_from_starting_again(db, monkeypatch):
    """One worker's clock is ahead of another's: both go by the database's."""
    optouts.close(PHONE, "stop")
    behind = timezone.now() - timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: behind)
    assert optouts.lift(PHONE)
    assert not is_out()


def test_staff_lift_what_staff_entered_and_nobody_elses_stop(cast):
    optouts.close_by_staff(PHONE, by=cast.staff)
    assert optouts.lift_by_staff(PHONE, by=cast.staff)
    optouts.close(PHONE, "stop")
    assert not optouts.lift_by_staff(PHONE, by=cast.staff)
    assert is_out()
