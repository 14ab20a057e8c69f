"""Leases and fencing: one worker at a time for a text, and nobody's word counts whose lease is gone."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from messaging.models import OptOut, Text
from messaging.sms import claims, optouts, sending
from messaging.sms.claims import Result
from tests.conftest import join, make_user
from tests.messaging.sms.conftest import PHONE, drain, fresh, hear, make_due, publish, steps, to_one


def lapse(text: Text) -> None:
    Text.objects.filter(delivery_id=text.delivery_id).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_what_is_claimed_is_not_claimed_again(phones, told):
    publish(phones)
    assert (len(claims.claim(3).due), len(claims.claim(10).due), len(claims.claim(10).due)) == (3, 2, 0)


def test_what_is_not_due_is_not_claimed(phones, told):
    text = to_one(phones)
    Text.objects.filter(delivery_id=text.delivery_id).update(next_at=timezone.now() + timedelta(seconds=30))
    assert claims.claim(10).taken == 0


def test_a_dead_workers_claim_is_taken_over(phones, told):
    text = to_one(phones)
    claims.claim(10)
    assert claims.take_over() == {}
    lapse(text)
    assert claims.take_over() == {"queued": 1}
    drain()
    assert fresh(text).state == "sent"
    assert [step[2] for step in steps(text)] == ["claim", "takeover", "claim", "answer"]


def test_a_dead_workers_call_is_not_made_again(phones, told):
    text = to_one(phones)
    claim = claims.claim(10)
    assert claims.begin(claim.due[0], claim.token) == 1
    lapse(text)
    assert claims.take_over() == {"unknown": 1}
    drain()
    assert (fresh(text).state, told.calls) == ("unknown", [])


def test_the_old_worker_neither_begins_nor_notes_anything_more(phones, told):
    text = to_one(phones)
    old = claims.claim(10)
    lapse(text)
    claims.take_over()
    new = claims.claim(10)
    assert claims.begin(old.due[0], old.token) is None
    assert claims.note(old.token, [Result(text.delivery_id, "failed", "answer")]) == 0
    assert fresh(text).state == "sending"
    assert claims.begin(new.due[0], new.token) == 1
    assert claims.note(new.token, [Result(text.delivery_id, "sent", "answer")]) == 1


def test_a_call_begins_once(phones, told):
    to_one(phones)
    claim = claims.claim(10)
    assert [claims.begin(claim.due[0], claim.token) for _ in range(3)] == [1, None, None]


def test_the_answer_comes_after_the_callback(phones, told):
    text = to_one(phones)
    told.on_call = lambda fields: None
    claim = claims.claim(10)
    result = sending.hand_over(claim.due[0], claim.token)
    hear(text, "delivered", sid=result.sid)
    assert claims.note(claim.token, [result]) == 0
    assert (fresh(text).state, fresh(text).sid) == ("delivered", result.sid)


def test_the_rest_of_a_batch_is_held_on_to(phones, told):
    publish(phones)
    claim = claims.claim(10)
    for due in claim.due:
        lapse(Text(delivery_id=due.id))
    began, held = claim.due[0].id, [due.id for due in claim.due[1:]]
    claims.begin(claim.due[0], claim.token)
    lapse(Text(delivery_id=began))
    claims.keep(claim.token, [began, *held])
    assert claims.take_over() == {"unknown": 1}
    assert set(Text.objects.filter(state="sending").values_list("delivery_id", flat=True)) == set(held)


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_claim_each_text_once(told, request):
    cast = request.getfixturevalue("cast")
    for number in range(60):
        join(cast.event, make_user(f"person_{number}", phone=f"+49151{number:08}"))
    publish(cast, roles=["attendee"])
    found, gate = [], threading.Barrier(6)

    def work():
        gate.wait()
        while claim := claims.claim(7):
            if not claim.taken:
                break
            found.extend(due.id for due in claim.due)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == len(set(found)) == 60


@pytest.mark.django_db(transaction=True)
def test_no_call_begins_after_a_stop_has_committed(told, settings, request, figure):
    """A worker and a phone that says STOP, again and again at once: whichever is first, the other sees it."""
    phones = request.getfixturevalue("phones")
    stopped_first = 0
    for number in range(40):
        OptOut.objects.all().delete()
        text = to_one(phones, f"Number {number}")
        claim = claims.claim(10)
        gate, attempts, committed = threading.Barrier(2), [], []

        def stop(gate=gate, committed=committed):
            gate.wait()
            optouts.close(PHONE, "stop")
            committed.append(timezone.now())
            connections.close_all()

        stopper = threading.Thread(target=stop)
        stopper.start()
        gate.wait()
        attempts.append(claims.begin(claim.due[0], claim.token))
        stopper.join()
        began_at = fresh(text).began_at
        if attempts == [None]:
            stopped_first += 1
            assert began_at is None
        else:
            figure("calls begun after it", int(began_at > committed[0]))
            assert began_at <= committed[0]
        Text.objects.filter(delivery_id=text.delivery_id).update(state="failed", lease_token=None, lease_until=None)
    figure("STOPs", 40)
    assert told.calls == []


def test_a_stop_between_claim_and_call_is_final(phones, told):
    text = to_one(phones)
    claim = claims.claim(10)
    optouts.close(PHONE, "stop")
    claims.note(claim.token, [sending.hand_over(claim.due[0], claim.token)])
    make_due(text)
    drain()
    assert (fresh(text).state, fresh(text).reason, told.calls) == ("suppressed", "opted_out", [])
