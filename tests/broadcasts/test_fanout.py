"""The deliveries: in batches, by one worker at a time, taken over without a gap and without a double."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from broadcasts import fanout, publication
from broadcasts.models import Broadcast
from messaging import publishing
from messaging.models import Delivery, LogEntry, Message
from tests.broadcasts.conftest import accept, finish, fresh, readers
from tests.conftest import join, make_user


@pytest.fixture
def crowd(cast):
    for number in range(30):
        join(cast.event, make_user(f"extra_{number:02}"))
    return cast


@pytest.fixture(autouse=True)
def small_batches(settings):
    settings.BROADCAST_BATCH = 4


def run_out(broadcast) -> None:
    """The lease of whoever is at it ends."""
    Broadcast.objects.filter(id=broadcast.id).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_in_batches_everyone_gets_it_once(crowd):
    done = finish(accept(crowd))
    assert (done.status, done.audience, Delivery.objects.count()) == ("published", 35, 35)
    # 37 memberships, the sender's and a removed one among them.
    assert LogEntry.objects.filter(kind="message.delivered").count() == 10


@pytest.mark.parametrize("batches", range(10))
def test_a_worker_that_dies_after_any_batch_is_taken_over(crowd, figure, batches):
    broadcast = accept(crowd)
    token = fanout.claim(broadcast.id)
    for _ in range(batches):
        fanout.hand_batch(broadcast.id, token)
    before = Delivery.objects.count()
    assert before == len(readers(broadcast))
    assert fresh(broadcast).status == "publishing"
    run_out(broadcast)
    assert finish(broadcast).status == "published"
    figure("deliveries lost", 35 - len(readers(broadcast)))
    figure("deliveries doubled", Delivery.objects.count() - len(readers(broadcast)))
    assert Delivery.objects.count() == len(readers(broadcast)) == 35


def test_one_at_a_time(crowd):
    broadcast = accept(crowd)
    token = fanout.claim(broadcast.id)
    assert fanout.claim(broadcast.id) is None
    fanout.run(broadcast.id)
    assert Delivery.objects.count() == 0
    assert fanout.left_behind() == []
    run_out(broadcast)
    assert fanout.left_behind() == [broadcast.id]
    assert fanout.claim(broadcast.id) not in (None, token)


def test_who_was_taken_over_writes_nothing_more(crowd):
    broadcast = accept(crowd)
    slow = fanout.claim(broadcast.id)
    fanout.hand_batch(broadcast.id, slow)
    run_out(broadcast)
    quick = fanout.claim(broadcast.id)
    before = Delivery.objects.count()
    assert fanout.hand_batch(broadcast.id, slow) is False
    assert (Delivery.objects.count(), fresh(broadcast).lease_token) == (before, quick)
    while fanout.hand_batch(broadcast.id, quick):
        pass
    assert (fresh(broadcast).status, Delivery.objects.count()) == ("published", 35)


def test_a_lease_that_ran_out_and_was_not_taken_still_holds(crowd):
    broadcast = accept(crowd)
    token = fanout.claim(broadcast.id)
    run_out(broadcast)
    assert fanout.hand_batch(broadcast.id, token) is True
    assert fresh(broadcast).lease_until > timezone.now()


def test_what_is_done_is_not_done_again(crowd):
    done = finish(accept(crowd))
    before = done.published_at
    assert fanout.claim(done.id) is None
    assert finish(done).published_at == before
    assert Delivery.objects.count() == 35


def test_what_does_not_exist_is_passed_over(db):
    fanout.run(uuid4())


def test_the_status_stays_until_the_last_row(crowd, api):
    broadcast = accept(crowd)
    token = fanout.claim(broadcast.id)
    caller, seen = api(crowd.organizer), []
    while fanout.hand_batch(broadcast.id, token):
        shown = caller.get(f"/broadcasts/{broadcast.id}").json()
        seen.append((shown["status"], shown["progress"]["total"], shown["progress"]["delivered"]))
    assert {status for status, *_ in seen} == {"publishing"}
    totals = [total for _, total, _ in seen]
    assert totals == sorted(totals) == [delivered for *_, delivered in seen]
    assert caller.get(f"/broadcasts/{broadcast.id}").json()["status"] == "published"


def test_the_author_hears_of_it_now_and_then_and_at_the_end(crowd, monkeypatch):
    monkeypatch.setattr(fanout, "TELL_SECONDS", 0.0)
    finish(accept(crowd))
    told = [entry.data for entry in LogEntry.objects.filter(kind="broadcast.progress").order_by("id")]
    totals = [one["progress"]["total"] for one in told]
    assert totals == sorted(totals)
    assert (told[-1]["status"], totals[-1]) == ("published", 35)
    assert len(told) == 12


@pytest.fixture
def broken_deliveries(crowd):
    """The database refuses one person's."""
    person = make_user("zz_last")
    join(crowd.event, person)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE messaging_delivery ADD CONSTRAINT nobody CHECK (user_id <> '{person.id}')")
    return crowd


def test_a_batch_that_fails_is_tried_again_later_and_nothing_of_it_stays(broken_deliveries):
    broadcast = accept(broken_deliveries)
    fanout.run(broadcast.id)
    stuck = fresh(broadcast)
    assert (stuck.status, stuck.faults, stuck.lease_token) == ("publishing", 1, None)
    assert stuck.lease_until > timezone.now() - timedelta(seconds=1)
    whole = Delivery.objects.count()
    assert 30 <= whole < 36
    run_out(broadcast)
    fanout.run(broadcast.id)
    assert (fresh(broadcast).faults, Delivery.objects.count()) == (2, whole)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_delivery DROP CONSTRAINT nobody")
    run_out(broadcast)
    done = finish(broadcast)
    assert (done.status, done.faults, Delivery.objects.count()) == ("published", 0, 36)


def test_one_that_never_ends_is_failed_but_not_refunded(broken_deliveries):
    broadcast = accept(broken_deliveries)
    Broadcast.objects.update(faults=publication.MOST_FAULTS - 1)
    # A batch that works takes the faults back; only the broken one is left here.
    last = publishing.deliver(Message.objects.get(), batch=35).upto
    Broadcast.objects.update(upto=last)
    fanout.run(broadcast.id)
    ended = fresh(broadcast)
    assert (ended.status, ended.is_refunded, ended.message_id is None) == ("failed", False, False)
    assert "failed again and again" in ended.failure_reason
