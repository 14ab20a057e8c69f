"""What a phone writes: STOP, START and HELP as Twilio handles them, and what our side answers in TwiML."""

from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.messaging.simulator.conftest import ACCOUNT, OTHER_PHONE, PHONE, SENDER, SERVICE, is_signed
from tests.waiting import wait_until


def is_refused(simulator, phone: str = PHONE) -> bool:
    try:
        simulator.create(to=phone, from_=None, messaging_service_sid=SERVICE)
    except TwilioRestException as refused:
        return (refused.status, refused.code) == (400, 21610)
    return False


def test_a_text_from_a_phone_is_posted_with_a_signature(simulator, ours):
    answer = simulator.write("Is there parking? 🚗")
    (post,) = ours.posted
    assert post.path == "/api/v1/webhooks/twilio/inbound"
    assert is_signed(post, ours.url)
    wanted = {
        "AccountSid": ACCOUNT.sid, "ApiVersion": "2010-04-01",
        "Body": "Is there parking? 🚗", "From": PHONE, "To": SENDER, "NumMedia": "0",
        "NumSegments": "1", "SmsStatus": "received",
        **dict.fromkeys(("MessageSid", "SmsSid", "SmsMessageSid"), answer["sid"]),
    }  # fmt: skip
    assert wanted.items() <= post.params.items()
    assert "OptOutType" not in post.params
    assert (answer["webhook_status"], answer["opt_out_type"], answer["replies"]) == (200, None, [])
    assert answer["sid"] not in [item["sid"] for item in simulator.arrived()]


@pytest.mark.parametrize("word", ["STOP", "stopall", " Unsubscribe\n", "CANCEL", "end", "Quit"])
def test_stop_and_its_kin_block_at_the_provider_and_are_answered_there(simulator, ours, word):
    ours.twiml = "<Response><Message>A second answer</Message></Response>"
    answer = simulator.write(word)
    assert ours.posted[0].params["OptOutType"] == "STOP"
    assert len(answer["replies"]) == 1
    assert "unsubscribed" in answer["replies"][0]
    assert is_refused(simulator)
    assert not is_refused(simulator, OTHER_PHONE)
    again = simulator.write("STOP")
    assert again["replies"] == []
    assert simulator.write("HELP")["replies"] == []


@pytest.mark.parametrize("word", ["START", "yes", "Unstop"])
def test_start_and_its_kin_lift_it(simulator, ours, word):
    simulator.write("STOP")
    answer = simulator.write(word)
    assert ours.posted[-1].params["OptOutType"] == "START"
    assert "re-subscribed" in answer["replies"][0]
    assert not is_refused(simulator)
    assert simulator.write(word)["replies"] == []


@pytest.mark.parametrize("word", ["HELP", "info"])
def test_help_is_answered_and_blocks_nothing(simulator, ours, word):
    answer = simulator.write(word)
    assert ours.posted[-1].params["OptOutType"] == "HELP"
    assert len(answer["replies"]) == 1
    assert not is_refused(simulator)


@pytest.mark.parametrize("text", ["STOP please", "do not stop", "stop.", "S T O P", "STOPP"])
def test_only_the_whole_of_a_text_is_a_keyword(simulator, ours, text):
    assert simulator.write(text)["opt_out_type"] is None
    assert not is_refused(simulator)


@pytest.mark.parametrize(
    ("twiml", "replies"),
    [
        ("", []),
        ("<Response/>", []),
        (
            "<Response><Message>One</Message><Message><Body>Two &lt;b&gt;</Body></Message></Response>",
            ["One", "Two <b>"],
        ),
        ('<?xml version="1.0" encoding="UTF-8"?><Response><Sms> Grüße </Sms></Response>', ["Grüße"]),
        ("<Response><Say>No text</Say><Message></Message></Response>", []),
        ("<Other><Message>x</Message></Other>", []),
        ("no xml", []),
        ('<!DOCTYPE x [<!ENTITY a "aaa">]><Response><Message>&a;</Message></Response>', []),
    ],
)
def test_what_our_side_answers_in_twiml_arrives_at_the_phone(simulator, ours, twiml, replies):
    ours.twiml = twiml
    before = {item["sid"] for item in simulator.arrived()}
    assert simulator.write("Hello")["replies"] == replies
    came = [item for item in simulator.arrived() if item["sid"] not in before]
    assert [item["body"] for item in came] == replies[::-1]
    assert {(item["from"], item["status"]) for item in came} <= {(SENDER, "delivered")}


def test_what_our_side_fails_to_take_is_offered_again_and_its_answer_arrives(simulator, ours):
    ours.answers, ours.twiml = [503], "<Response><Message>Late, but here</Message></Response>"
    answer = simulator.write("Anybody there?")
    assert (answer["webhook_status"], answer["replies"]) == (503, [])
    wait_until(lambda: [item["body"] for item in simulator.arrived()[:1]] == ["Late, but here"])
    assert len(ours.posted) == 2


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, ["#/from", "#/to", "#/body"]),
        ({"from": "123", "to": SENDER, "body": "x"}, ["#/from"]),
        ({"from": PHONE, "to": "", "body": "x"}, ["#/to"]),
        ({"from": PHONE, "to": SENDER, "body": ""}, ["#/body"]),
        ({"from": PHONE, "to": SENDER, "body": "x" * 1601}, ["#/body"]),
        ({"from": PHONE, "to": SENDER, "body": 7}, ["#/body"]),
        ({"from": PHONE, "to": SENDER, "body": "x", "media": "y"}, ["#/media"]),
        (b'{"from": "\\ud800"}', ["#"]),
        (["x"], ["#"]),
    ],
)
def test_nonsense_is_named_and_goes_nowhere(simulator, ours, document, pointers):
    status, said, _ = simulator.ask("POST", "/inbound", document)
    assert (status, [error["pointer"] for error in said["errors"]]) == (400, pointers)
    assert ours.posted == []
