"""Twilio's Messages resource at the simulator, through the official client."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from requests.exceptions import ReadTimeout
from twilio.base.exceptions import TwilioRestException

from tests.messaging.simulator.conftest import ACCOUNT, OTHER_PHONE, PHONE, SENDER, SERVICE
from tests.waiting import wait_until

CREATE = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Messages.json"


def refusal(simulator, **fields) -> tuple[int, int]:
    """What is refused leaves nothing behind."""
    before = simulator.ask("GET", "/messages?limit=1000")[1]
    with pytest.raises(TwilioRestException) as refused:
        simulator.create(**fields)
    assert simulator.ask("GET", "/messages?limit=1000")[1] == before
    return refused.value.status, refused.value.code


def test_a_text_is_accepted_and_arrives(simulator):
    made = simulator.create(body="Doors at nine", validity_period=300)
    assert re.fullmatch("SM[0-9a-f]{32}", made.sid)
    assert (made.status, made.direction, made.num_segments) == ("queued", "outbound-api", "1")
    assert (made.to, made.from_, made.body) == (PHONE, SENDER, "Doors at nine")
    assert (made.price, made.price_unit, made.error_code, made.date_sent) == (None, "USD", None, None)
    assert made.uri == f"/2010-04-01/Accounts/{ACCOUNT.sid}/Messages/{made.sid}.json"
    assert abs(made.date_created - datetime.now(UTC)) < timedelta(minutes=5)
    wait_until(lambda: simulator.sdk().messages(made.sid).fetch().status == "delivered")
    assert simulator.sdk().messages(made.sid).fetch().date_sent is not None
    (arrived,) = [item for item in simulator.arrived() if item["sid"] == made.sid]
    assert arrived.keys() == {"sid", "to", "from", "body", "status", "created_at"}
    assert (arrived["to"], arrived["from"], arrived["status"]) == (PHONE, SENDER, "delivered")


def test_a_messaging_service_chooses_its_sender_later(simulator):
    made = simulator.create(from_=None, messaging_service_sid=SERVICE, body="x" * 200)
    assert (made.status, made.from_, made.num_segments) == ("accepted", None, "0")
    wait_until(lambda: simulator.sdk().messages(made.sid).fetch().status == "delivered")
    found = simulator.sdk().messages(made.sid).fetch()
    assert (found.from_, found.num_segments, found.messaging_service_sid) == (SENDER, "2", SERVICE)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": ""}, 21604),
        ({"to": "15005550006"}, 21211),
        ({"to": "+49"}, 21211),
        ({"to": "+4915112345678 "}, 21211),
        ({"to": "+999151123456789"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"from_": None}, 21603),
        ({"from_": "+15005550001"}, 21212),
        ({"from_": "a name that is too long"}, 21212),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+15005550008"}, 21611),
        ({"messaging_service_sid": "MG12"}, 21701),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"validity_period": 0}, 21624),
        ({"validity_period": 36_001}, 21624),
        ({"status_callback": "nonsense"}, 21609),
        ({"status_callback": "ftp://127.0.0.1/x"}, 21609),
        ({"status_callback": "http://example.org/x"}, 21609),
        ({"status_callback": "http://169.254.169.254/latest"}, 21609),
        ({"status_callback": "http://127.0.0.1/a\r\nb"}, 21609),
    ],
)
def test_what_twilio_refuses_is_refused_with_its_code(simulator, fields, code):
    assert refusal(simulator, **fields) == (400, code)


def test_a_body_of_another_type_has_no_fields(simulator):
    headers = {"Authorization": "Basic " + basic(), "Content_Type": "application/json"}
    status, document, _ = simulator.ask("POST", CREATE, {"To": PHONE, "From": SENDER, "Body": "x"}, **headers)
    assert (status, document["code"]) == (400, 21604)
    assert document == {
        "code": 21604,
        "message": "A 'To' phone number is required.",
        "more_info": "https://www.twilio.com/docs/errors/21604",
        "status": 400,
    }


def basic() -> str:
    from base64 import b64encode

    return b64encode(f"{ACCOUNT.sid}:{ACCOUNT.auth_token}".encode()).decode()


@pytest.mark.parametrize("wrong", [{"token": "0" * 32}, {"sid": "AC" + "0" * 32}, {"token": "ü"}])
def test_a_wrong_login_is_refused_whatever_is_asked(simulator, wrong):
    with pytest.raises(TwilioRestException) as refused:
        simulator.sdk(**wrong).messages.create(to="", body="")
    assert (refused.value.status, refused.value.code) == (401, 20003)
    status, document, headers = simulator.ask("GET", CREATE)
    assert (status, document["code"]) == (401, 20003)
    assert headers["WWW-Authenticate"].startswith("Basic ")


def test_what_there_is_not_is_not_found(simulator):
    with pytest.raises(TwilioRestException) as refused:
        simulator.sdk().messages("SM" + "0" * 32).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as refused:
        simulator.sdk().api.accounts("AC" + "1" * 32).messages.create(to=PHONE, from_=SENDER, body="x")
    assert (refused.value.status, refused.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as refused:
        simulator.sdk().messages("SM" + "0" * 32).delete()
    assert (refused.value.status, refused.value.code) == (405, 20004)


def test_texts_are_listed_newest_first_by_whom_and_when_and_page_by_page(simulator):
    phone = "+4915112000001"
    made = [simulator.create(to=phone, body=f"Number {number}").sid for number in range(7)]
    simulator.create(to=OTHER_PHONE)
    messages = simulator.sdk().messages
    assert [text.sid for text in messages.list(to=phone, page_size=2)] == made[::-1]
    assert [text.sid for text in messages.list(to=phone, limit=3)] == made[:3:-1]
    assert messages.list(to=phone, from_="+15005550099") == []
    now = datetime.now(UTC)
    assert len(messages.list(to=phone, date_sent_after=now - timedelta(hours=1))) == 7
    assert len(messages.list(to=phone, date_sent_before=now + timedelta(hours=1))) == 7
    assert messages.list(to=phone, date_sent_after=now + timedelta(hours=1)) == []
    assert messages.list(to=phone, date_sent_before=now - timedelta(hours=1)) == []
    assert messages.list(to="+4915112000002") == []
    page = messages.page(to=phone, page_size=3)
    assert page._payload["page_size"] == 3
    assert page._payload["next_page_uri"].startswith(f"{CREATE}?To=%2B49151")
    assert page.next_page()._payload["next_page_uri"].endswith(made[1])
    assert page.next_page().next_page()._payload["next_page_uri"] is None


def test_hostile_text_arrives_as_it_was_sent(simulator):
    bodies = [
        "<script>alert(1)</script>&amp;\"'",
        "{{7*7}} ${7*7} %0d%0a=cmd|' /C calc'!A0",
        "a\u202eb\u2066c\u200d\u0301" * 20,
        "نص عربي עברית 👩‍👩‍👧‍👦 é",
        "+ & = % # ; \n\ttwo lines",
        "nul \x00 and \x1b[31m",
    ]
    sids = [simulator.create(body=body).sid for body in bodies]
    found = {item["sid"]: item["body"] for item in simulator.arrived()}
    assert [found[sid] for sid in sids] == bodies
    assert [simulator.sdk().messages(sid).fetch().body for sid in sids] == bodies


# --- Faults, each with the share of all ------------------------------------------------------


def test_accept_then_500_takes_the_text(simulator):
    simulator.set_faults(accept_then_500=1)
    before = len(simulator.arrived())
    with pytest.raises(TwilioRestException) as refused:
        simulator.create()
    assert (refused.value.status, refused.value.code) == (500, 20500)
    assert len(simulator.arrived()) == before + 1


def test_no_answer_takes_the_text(simulator):
    simulator.set_faults(no_answer=1)
    before = len(simulator.arrived())
    with pytest.raises(ReadTimeout):
        simulator.sdk(timeout=1).messages.create(to=PHONE, from_=SENDER, body="Who hears me?")
    wait_until(lambda: len(simulator.arrived()) == before + 1)


def test_too_many_takes_nothing(simulator):
    simulator.set_faults(too_many=1)
    assert refusal(simulator) == (429, 20429)


def test_slow_answers_in_the_end(simulator):
    simulator.set_faults(slow=1)
    with pytest.raises(ReadTimeout):
        simulator.sdk(timeout=0.5).messages.create(to=PHONE, from_=SENDER, body="Too slow for me")
    assert simulator.create().status == "queued"
