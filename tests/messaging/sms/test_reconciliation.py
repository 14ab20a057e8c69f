"""What nobody knows the end of: the provider is asked, and only its having none lets a text go again."""

from __future__ import annotations

import time

import pytest

from messaging.models import Text
from messaging.sms import claims, reconciliation
from tests.messaging.sms.conftest import PHONE, WORDS, age, drain, fresh, hear, make_due, publish, steps, to_one

SAFE = 130


@pytest.fixture
def lost(phones, told) -> Text:
    """The provider has it, and said 500."""
    told.script = ["accept_then_500"]
    text = to_one(phones)
    drain()
    assert fresh(text).state == "unknown"
    return text


@pytest.fixture
def never_there(phones, told) -> Text:
    """The provider has it not, and said 500 too."""
    told.script = [500]
    text = to_one(phones)
    drain()
    return text


def test_what_the_provider_has_is_settled_and_not_sent_again(lost, told):
    make_due(lost)
    assert reconciliation.run() == {"settled": 1}
    drain()
    assert (fresh(lost).state, fresh(lost).sid) == ("sent", told.messages[0]["sid"])
    assert steps(lost)[-1] == ("unknown", "sent", "reconciliation")
    assert len(told.calls) == 1


def test_the_end_of_it_too(lost, told):
    told.messages[0].update(status="undelivered", error_code=30003)
    make_due(lost)
    reconciliation.run()
    assert (fresh(lost).state, fresh(lost).code) == ("undelivered", 30003)


def test_what_it_has_not_goes_again_once_it_is_old_enough(never_there, told):
    make_due(never_there)
    assert reconciliation.run() == {"still unknown": 1}
    age(never_there, SAFE)
    assert reconciliation.run() == {"queued again": 1}
    drain()
    assert (fresh(never_there).state, fresh(never_there).attempts) == ("sent", 2)
    assert told.texts_to(PHONE) == [WORDS]


def test_it_is_asked_later_and_later(never_there):
    waits = []
    for _ in range(4):
        make_due(never_there)
        reconciliation.run()
        waits.append((fresh(never_there).next_at - fresh(never_there).moved_at).total_seconds())
    assert waits == sorted(waits)
    assert reconciliation.run() == {}


def test_while_the_provider_does_not_tell_nothing_is_done(never_there, told):
    age(never_there, SAFE)
    told.script = ["list_500"]
    assert reconciliation.run() == {"not told": 1}
    assert fresh(never_there).state == "unknown"


def test_a_message_that_is_not_ours_to_the_letter_leaves_it_unknown(never_there, told):
    told.accept({"To": PHONE, "Body": f"Sent from your trial account - {WORDS}"})
    age(never_there, SAFE)
    told.messages[-1]["date_created"] = _date(fresh(never_there))
    assert reconciliation.run() == {"not told": 1}
    assert fresh(never_there).state == "unknown"


def test_an_older_message_with_the_same_words_is_not_this_one(never_there, told):
    age(never_there, SAFE)
    told.accept({"To": PHONE, "Body": WORDS}, created_at=time.time() - 7200)
    assert reconciliation.run() == {"queued again": 1}


def test_a_text_from_the_phone_is_not_this_one(never_there, told):
    age(never_there, SAFE)
    told.accept({"To": PHONE, "Body": WORDS}, created_at=time.time() - SAFE, direction="inbound")
    assert reconciliation.run() == {"queued again": 1}


def test_another_texts_message_is_not_this_one(phones, told):
    first = to_one(phones)
    drain()
    told.script = [500]
    second = to_one(phones)
    drain()
    assert (fresh(first).state, fresh(second).state) == ("sent", "unknown")
    age(second, SAFE)
    told.messages[0]["date_created"] = _date(fresh(second))
    assert reconciliation.run() == {"queued again": 1}


def test_of_two_alike_neither_takes_the_others(phones, told):
    """The provider has one of them, and nobody can tell which."""
    told.script = ["accept_then_500", 500]
    texts = [to_one(phones), to_one(phones)]
    drain()
    for text in texts:
        age(text, SAFE)
    told.messages[0]["date_created"] = _date(fresh(texts[0]))
    assert reconciliation.run() == {"not told": 2}
    hear(texts[0], "sent", sid=told.messages[0]["sid"])
    age(texts[1], SAFE)
    assert reconciliation.run() == {"queued again": 1}
    drain()
    assert len(told.texts_to(PHONE)) == 2


def test_a_callback_during_the_look_wins(never_there, told, monkeypatch):
    age(never_there, SAFE)
    (row,) = reconciliation._next(10)
    hear(never_there, "sent", sid="SM" + "7" * 32)
    assert reconciliation.look(row) == "still unknown"
    assert fresh(never_there).state == "sent"


def test_a_late_callback_stops_what_was_to_go_again(never_there, told):
    age(never_there, SAFE)
    reconciliation.run()
    assert fresh(never_there).state == "queued"
    hear(never_there, "delivered", sid="SM" + "7" * 32)
    drain()
    assert (fresh(never_there).state, len(told.calls)) == ("delivered", 1)


def test_a_sent_text_whose_callbacks_never_came_is_asked_for_by_name(phones, told):
    text = to_one(phones)
    drain()
    assert reconciliation.run() == {}
    told.messages[0]["status"] = "delivered"
    make_due(text)
    assert reconciliation.run() == {"settled": 1}
    assert fresh(text).state == "delivered"


def test_one_that_carriers_never_report_is_let_be(phones, told):
    text = to_one(phones)
    drain()
    Text.objects.filter(delivery_id=text.delivery_id).update(looks=reconciliation.MOST_LOOKS)
    make_due(text)
    assert reconciliation.run() == {"still unknown": 1}
    assert (fresh(text).next_at - fresh(text).moved_at).days > 3000


def test_all_that_workers_left_behind_is_settled(phones, told):
    """Killed between the provider's answer and the commit: half of them had got so far."""
    message = publish(phones)
    claim = claims.claim(10)
    for number, due in enumerate(claim.due):
        claims.begin(due, claim.token)
        if number % 2:
            told.accept({"To": due.phone, "Body": due.content})
    Text.objects.update(lease_until="2020-01-01T00:00:00Z")
    claims.take_over()
    for text in Text.objects.filter(message_id=message.id):
        age(text, SAFE)
    for sent in told.messages:
        sent["date_created"] = _date(Text.objects.filter(message_id=message.id).first())
    reconciliation.run()
    drain()
    assert sorted(sent["to"] for sent in told.messages) == sorted(due.phone for due in claim.due)


def _date(text: Text) -> str:
    from email.utils import format_datetime

    return format_datetime(text.began_at)
