"""What the simulator posts to our side: signed as the official client checks it, repeated, lost, doubled and in
disorder on demand."""

from __future__ import annotations

import pytest

from tests.messaging.simulator.conftest import ACCOUNT, PHONE, SENDER, SERVICE, is_signed
from tests.waiting import wait_until


def test_states_are_told_with_a_signature(simulator, ours):
    sid = simulator.create().sid
    wait_until(lambda: ours.statuses(sid) == ["sent", "delivered"])
    sent, _ = ours.posted
    assert sent.path == "/api/v1/webhooks/twilio/status?delivery=1.signed%2Bpart"
    assert sent.params == {
        "AccountSid": ACCOUNT.sid,
        "ApiVersion": "2010-04-01",
        "From": SENDER,
        "MessageSid": sid,
        "MessageStatus": "sent",
        "SmsSid": sid,
        "SmsStatus": "sent",
        "To": PHONE,
    }
    assert all(is_signed(post, ours.url) for post in ours.posted)
    assert not is_signed(sent, f"{ours.url}/elsewhere")
    assert not is_signed(sent._replace(params={**sent.params, "MessageStatus": "failed"}), ours.url)


def test_a_messaging_service_is_named(simulator, ours):
    sid = simulator.create(from_=None, messaging_service_sid=SERVICE).sid
    wait_until(lambda: ours.statuses(sid) == ["sent", "delivered"])
    assert {(post.params["MessagingServiceSid"], post.params["From"]) for post in ours.posted} == {(SERVICE, SENDER)}


@pytest.mark.parametrize(
    ("code", "states"),
    [(code, ["sent", "undelivered"]) for code in (30003, 30004, 30005, 30006, 30007, 30008)] + [(30036, ["failed"])],
)
def test_the_end_of_a_number_is_its_fate(simulator, ours, code, states):
    sid = simulator.create(to=f"+491511111{code}").sid
    wait_until(lambda: ours.statuses(sid) == states)
    assert ours.posted[-1].params["ErrorCode"] == str(code)
    assert all("ErrorCode" not in post.params for post in ours.posted[:-1])
    found = simulator.sdk().messages(sid).fetch()
    assert (found.status, found.error_code) == (states[-1], code)
    assert found.error_message


def test_what_our_side_fails_to_take_is_told_again(simulator, ours):
    ours.answers = [500, 503]
    sid = simulator.create(to="+49151111130036").sid
    wait_until(lambda: ours.statuses(sid) == ["failed"] * 3)
    wait_until(simulator.is_settled)


def test_what_our_side_refuses_is_not_told_again(simulator, ours):
    ours.answers = [403, 404]
    sid = simulator.create().sid
    wait_until(lambda: len(ours.posted) == 2)
    wait_until(simulator.is_settled)
    assert ours.statuses(sid) == ["sent", "delivered"]


def test_drop_callbacks_tells_nothing(simulator, ours):
    simulator.set_faults(drop_callbacks=1)
    sid = simulator.create().sid
    wait_until(lambda: simulator.sdk().messages(sid).fetch().status == "delivered")
    wait_until(simulator.is_settled)
    assert ours.posted == []


def test_double_callbacks_tells_each_state_twice(simulator, ours):
    simulator.set_faults(double_callbacks=1)
    sid = simulator.create().sid
    wait_until(lambda: sorted(ours.statuses(sid)) == ["delivered"] * 2 + ["sent"] * 2)


def test_shuffle_callbacks_tells_the_end_first_and_now_and_then_before_the_answer(simulator, ours):
    simulator.set_faults(shuffle_callbacks=1)
    told_before_the_answer = 0
    for _ in range(40):
        sid = simulator.create().sid
        told_before_the_answer += bool(ours.statuses(sid))
        wait_until(lambda sid=sid: len(ours.statuses(sid)) == 2)
        assert ours.statuses(sid) == ["delivered", "sent"]
        if told_before_the_answer:
            break
    assert told_before_the_answer


@pytest.mark.parametrize(
    ("shares", "pointer"),
    [
        ({"slow": 1.1}, "#/slow"),
        ({"slow": -0.1}, "#/slow"),
        ({"slow": True}, "#/slow"),
        ({"slow": "1"}, "#/slow"),
        ({"slow": None}, "#/slow"),
        ({"too_many": 1, "fast": 1}, "#/fast"),
        ([], "#"),
        (b"{", "#"),
        (b'{"slow": NaN}', "#"),
    ],
)
def test_a_share_that_is_none_is_named_and_nothing_is_set(simulator, shares, pointer):
    status, document, headers = simulator.ask("PUT", "/faults", shares)
    assert (status, document["code"]) == (400, "validation_error")
    assert headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in document["errors"]] == [pointer]
    assert set(simulator.ask("GET", "/faults")[1].values()) == {0}


def test_shares_are_set_together_and_those_left_out_stay(simulator):
    simulator.set_faults(slow=0.25)
    status, shares, _ = simulator.ask("PUT", "/faults", {"drop_callbacks": 1})
    assert status == 200
    assert shares == simulator.ask("GET", "/faults")[1]
    assert list(shares) == [
        "accept_then_500", "no_answer", "too_many", "slow", "shuffle_callbacks", "double_callbacks", "drop_callbacks",
    ]  # fmt: skip
    assert (shares["slow"], shares["drop_callbacks"], shares["too_many"]) == (0.25, 1, 0)
