"""Rate limits: exact in a race, told in headers, and never in the way when Redis is not there."""

import threading

import pytest
from django.db import connections

from api import limits, redis


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


@pytest.fixture
def redis_away(settings):
    """Points at a socket where nobody listens, as after a crash."""
    redis.client.cache_clear()
    working = settings.REDIS_URL
    settings.REDIS_URL = "unix:///nonexistent/redis.sock?db=0"
    yield
    settings.REDIS_URL = working
    redis.client.cache_clear()
    redis._away_until = 0.0


def test_calls_pass_uncounted_while_redis_is_away(api, cast, redis_away):
    response = api(cast.attendee).get("/me")
    assert response.status_code == 200
    assert "X-RateLimit-Limit" not in response


def test_login_waits_for_redis(api, cast, redis_away, refused):
    response = api().post("/auth/login", {"username": "attendee", "password": "x"})
    refused(response, 503, "service_unavailable")
    assert "Retry-After" in response
