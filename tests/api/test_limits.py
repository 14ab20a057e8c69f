"""Rate limits: exact in a race, told in headers, and never in the way when Redis is not there."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import connections

from api import limits, redis
from api.errors import RateLimited


@pytest.fixture
def limit(settings):
    settings.RATE_LIMIT = 5
    return 5


def test_counted_answers_say_what_is_left(api, cast, limit):
    caller = api(cast.attendee)
    left = [caller.get(address)["X-RateLimit-Remaining"] for address in ("/me", "/events/x", "/events?limit=0")]
    assert left == ["4", "3", "2"]
    response = caller.get("/me")
    assert response["X-RateLimit-Limit"] == "5"
    assert int(response["X-RateLimit-Reset"]) > 1_700_000_000


def test_call_beyond_the_limit_is_refused_until_the_window_ends(api, cast, limit, refused):
    caller = api(cast.attendee)
    for _ in range(limit):
        assert caller.get("/me").status_code == 200
    response = caller.get("/me")
    refused(response, 429, "rate_limited")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["X-RateLimit-Remaining"] == "0"
    assert api(cast.attendee_2).get("/me").status_code == 200


def test_call_without_a_token_is_not_counted(api, db):
    assert "X-RateLimit-Limit" not in api().get("/me")


def test_login_is_counted_whether_it_succeeds_or_not(api, cast):
    cast.attendee.set_password("tortoise-on-a-fence")
    cast.attendee.save()
    left = []
    for password, status in (("wrong", 401), ("tortoise-on-a-fence", 200), ("wrong", 401)):
        response = api().post("/auth/login", {"username": "attendee", "password": password})
        assert response.status_code == status
        left.append((response["X-RateLimit-Limit"], response["X-RateLimit-Remaining"]))
    assert left == [("100", "99"), ("100", "98"), ("100", "97")]


def test_limit_switched_off_counts_nothing(api, cast, settings):
    settings.RATE_LIMIT = None
    assert "X-RateLimit-Limit" not in api(cast.attendee).get("/me")


@pytest.mark.django_db(transaction=True)
def test_of_200_parallel_calls_exactly_the_limit_passes(api, cast, settings, figure):
    settings.RATE_LIMIT = 50
    statuses = []

    def call(caller):
        for _ in range(20):
            statuses.append(caller.get("/me").status_code)
        connections.close_all()

    threads = [threading.Thread(target=call, args=[api(cast.attendee)]) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    figure("calls at once", len(statuses))
    figure("passed", statuses.count(200))
    figure("beyond a limit", max(statuses.count(200) - 50, 0))
    assert (statuses.count(200), statuses.count(429)) == (50, 150)


def test_threads_that_are_gone_use_up_no_connections(api, cast):
    """More of them than a pool would hold."""
    counted = []
    for _ in range(150):
        thread = threading.Thread(target=lambda: counted.append(limits.count_call(cast.attendee.id)))
        thread.start()
        thread.join()
    assert [allowance.used for allowance in counted] == list(range(1, 151))


def test_calls_of_several_are_counted_in_one_round_trip_each_by_itself(limit, monkeypatch):
    asked = []
    run = redis.run

    def counted(script, keys, values):
        if threading.current_thread() is here:  # figures are written by a thread of their own
            asked.append(keys)
        return run(script, keys, values)

    here = threading.current_thread()
    monkeypatch.setattr(redis, "run", counted)
    assert [allowance.used for allowance in limits.count_calls(["a", "b", "a"])] == [1, 1, 2]
    assert [allowance.used for allowance in limits.count_calls(["b", "a"])] == [2, 3]
    assert len(asked) == 2


def test_what_a_person_owes_is_counted_once(limit):
    person = SimpleNamespace(debt=limits.Debt("a"))
    for _ in range(3):
        limits.settle(person)
        assert limits.settle_together([person.debt, None]) == [True, True]
    assert person.debt.allowance.used == 1


def test_who_owes_one_call_too_many_is_refused_as_often_as_they_try(limit):
    assert limits.count_calls(["a"] * limit)[-1].used == limit
    person = SimpleNamespace(debt=limits.Debt("a"))
    for _ in range(2):
        assert limits.settle_together([person.debt, limits.Debt("b")]) == [False, True]
        with pytest.raises(RateLimited):
            limits.settle(person)
    assert person.debt.allowance.used == limit + 1


def test_what_is_owed_while_redis_is_away_is_not_asked_for_again(limit, redis_away):
    debts = [limits.Debt("a"), limits.Debt("b")]
    assert limits.settle_together(debts) == [True, True]
    assert [(debt.is_open, debt.allowance) for debt in debts] == [(False, None)] * 2
    redis._away_until = 0.0
    limits.settle(SimpleNamespace(debt=debts[0]))
    assert redis._away_until == 0.0


def test_calls_pass_uncounted_while_redis_is_away(api, cast, redis_away):
    response = api(cast.attendee).get("/me")
    assert response.status_code == 200
    assert "X-RateLimit-Limit" not in response


def test_login_waits_for_redis(api, cast, redis_away, refused):
    response = api().post("/auth/login", {"username": "attendee", "password": "x"})
    refused(response, 503, "service_unavailable")
    assert "Retry-After" in response


def test_after_the_pause_one_alone_looks_whether_redis_is_back(limit, monkeypatch):
    """Or as many as call at once would wait for it."""
    run, heard = redis._run, []

    def looked(*values):
        with pytest.raises(redis.RedisAway):
            redis.run(*values)
        heard.append("away")
        return run(*values)

    monkeypatch.setattr(redis, "_run", looked)
    redis._away_until = time.monotonic() - 1
    assert limits.count_call("a").used == 1
    monkeypatch.setattr(redis, "_run", run)
    assert (limits.count_call("a").used, heard) == (2, ["away"])
