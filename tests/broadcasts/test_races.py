"""Many at once, each with a thread, a connection and transactions of its own."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from api import redis, wakeups
from api.errors import ApiError
from broadcasts import fanout, orders, publication, quotas, tasks
from broadcasts.models import Broadcast, Quota
from messaging.models import Delivery, LogEntry, Message
from tests.broadcasts.conftest import BODY, accept, fresh, rows, schedule, seat, used
from tests.conftest import join, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

THREADS = 40
CALLS = 200


@pytest.fixture
def people(transactional_db, cast):
    return cast


@pytest.fixture(autouse=True)
def silent(monkeypatch):
    """Nobody listens here; tests of real workers are elsewhere."""
    monkeypatch.setattr(wakeups, "send", lambda *_, **__: None)


def at_once(call, *, threads: int = THREADS, calls: int = CALLS) -> list:
    """So many calls by so many threads, none before all are ready."""
    gate = Barrier(threads)

    def run(_) -> list:
        connection.ensure_connection()
        gate.wait()
        try:
            return [call() for _ in range(calls // threads)]
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return [answer for answers in pool.map(run, range(threads)) for answer in answers]


def test_of_200_parallel_sends_at_the_last_unit_one_passes(people, cast, api, url, figure):
    accept(cast)
    before = rows()
    caller = api(cast.organizer)
    answers = at_once(lambda: caller.post(url, BODY))
    passed = sum(answer.status_code == 201 for answer in answers)
    figure("calls at once", len(answers))
    figure("passed", passed)
    figure("beyond a limit", max(passed - 1, 0))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 429: CALLS - 1}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 429} == {"quota_exceeded"}
    assert rows() == {**before, "Broadcast": 2, "Message": 2}
    assert Quota.objects.get().used == 2 == Broadcast.objects.count()


def test_of_200_first_sends_as_many_pass_as_are_allowed(people, cast, api, url):
    caller = api(cast.organizer)
    answers = at_once(lambda: caller.post(url, BODY))
    assert Counter(answer.status_code for answer in answers) == {201: 2, 429: CALLS - 2}
    assert rows() == {"Broadcast": 2, "Quota": 1, "Message": 2, "Delivery": 0}


def test_without_a_limit_all_pass_and_all_are_counted(people, cast, api, url):
    caller, body = api(cast.mvp_dealer), {**BODY, "roles": ["attendee"]}
    answers = at_once(lambda: caller.post(url, body), threads=20, calls=100)
    assert Counter(answer.status_code for answer in answers) == {201: 100}
    assert used(cast.mvp_dealer) == Broadcast.objects.count() == 100


def test_one_broadcast_is_cancelled_once_and_refunded_once(people, cast, api):
    first, _ = schedule(cast), schedule(cast)
    caller = api(cast.organizer)
    answers = at_once(lambda: caller.post(f"/broadcasts/{first.id}/cancel"), threads=20, calls=20)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 19}
    assert used(cast.organizer) == 1


@pytest.mark.parametrize("attempt", range(5))
def test_a_cancel_and_its_time_meet_and_one_of_them_wins(people, cast, attempt):
    broadcast = schedule(cast)
    now = broadcast.send_at + timedelta(seconds=1)
    place = seat(cast, cast.organizer)

    def cancel():
        try:
            orders.cancel(fresh(broadcast), place, by=cast.organizer)
        except ApiError as error:
            return error.code
        return "cancelled"

    deeds = iter([cancel, lambda: publication.publish_due(now=now)] * 4)
    outcomes = at_once(lambda: next(deeds)(), threads=8, calls=8)
    ended = fresh(broadcast)
    if ended.status == "cancelled":
        assert (outcomes.count("cancelled"), Message.objects.count(), used(cast.organizer)) == (1, 0, 0)
    else:
        assert (ended.status, outcomes.count("cancelled")) == ("publishing", 0)
        assert (Message.objects.count(), used(cast.organizer)) == (1, 1)


def test_many_sweeps_publish_each_due_one_once(people, cast):
    found = [schedule(cast, cast.mvp_dealer, roles=["attendee"]) for _ in range(12)]
    now = found[-1].send_at + timedelta(seconds=1)
    at_once(lambda: publication.publish_due(now=now), threads=10, calls=10)
    assert Counter(Broadcast.objects.values_list("status", flat=True)) == {"publishing": 12}
    assert Message.objects.count() == 12


def test_many_workers_on_one_broadcast_deliver_it_once(people, cast, settings):
    settings.BROADCAST_BATCH = 3
    for number in range(40):
        join(cast.event, make_user(f"extra_{number}"))
    broadcast = accept(cast)
    at_once(lambda: fanout.run(broadcast.id), threads=10, calls=20)
    done = fresh(broadcast)
    assert (done.status, done.audience, Delivery.objects.count()) == ("published", 45, 45)
    ends = [one for one in LogEntry.objects.filter(kind="broadcast.progress") if one.data["status"] == "published"]
    assert len(ends) == 1


def test_the_reset_of_many_beats_has_one_effect(people, cast, figure):
    accept(cast)
    accept(cast)
    Quota.objects.update(counted_since=timezone.now() - timedelta(days=2))
    changed = at_once(tasks.quotas.reset_nightly, threads=20, calls=20)
    figure("runs", len(changed))
    figure("effects too many", sum(changed) - 1)
    assert (sum(changed), used(cast.organizer), Quota.objects.get().period) == (1, 0, 2)


def test_sends_while_the_quota_is_reset_never_pass_the_limit(people, cast, api, url):
    """Each reset lets two more through; none is lost and none slips by."""
    caller = api(cast.organizer)
    deeds = iter(([lambda: caller.post(url, BODY).status_code] * 9 + [quotas.reset_by_hand]) * 6)
    outcomes = at_once(lambda: next(deeds)(), threads=20, calls=60)
    resets, row = outcomes.count(1), Quota.objects.get()
    assert row.used <= 2
    assert outcomes.count(201) == Broadcast.objects.count() <= 2 * (resets + 1)
    last = Broadcast.objects.filter(quota_period=row.period).count()
    assert row.used == last


def test_a_broadcast_is_accepted_while_redis_is_away(people, cast, api, url, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(django_settings, "REDIS_URL", "unix:///tmp/no-such-socket")
    redis.client.cache_clear()
    try:
        answer = api(cast.organizer).post(url, BODY)
        assert (answer.status_code, answer.json()["status"]) == (201, "publishing")
        assert fanout.left_behind() == [Broadcast.objects.get().id]
    finally:
        monkeypatch.undo()
        redis.client.cache_clear()
        redis._away_until = 0.0
