"""The feed's own alerts: by either read model it fails too often, or is too slow, in the last ten minutes."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from api import redis
from messaging import feed, feed_figures
from rollout import alerts, figures
from tests.messaging.feeds import items, use


@pytest.fixture(autouse=True)
def minutes_of_its_own():
    """What other tests have counted may still wait in this process."""
    figures.flush()
    for key in redis.client().scan_iter(f"{figures.MINUTE_KEY}*"):
        redis.client().delete(key)


def states() -> dict[str, str]:
    return {found["name"]: found["state"] for found in alerts.report() if found["name"].startswith("feed_")}


def words(name: str) -> str:
    return next(found["words"] for found in alerts.report() if found["name"] == name)


QUIET = {
    "feed_errors_other": "ok",
    "feed_errors_v1": "ok",
    "feed_errors_v2": "ok",
    "feed_time_v1": "ok",
    "feed_time_v2": "ok",
}


def answered(model: str, times: int, took: float = 0.01) -> None:
    for _ in range(times):
        feed_figures.answered(model, took, None)


def test_they_are_quiet_where_nobody_asked(db):
    assert states() == QUIET
    assert words("feed_errors_v2") == "0 of 0 failed in 10 minutes, 1 % is put up with"


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_failures_of_a_model_are_its_own(db, model):
    answered("v1", 400)
    answered("v2", 400)
    for _ in range(5):
        feed_figures.failed(model)
    assert states() == QUIET | {f"feed_errors_{model}": "firing"}
    assert words(f"feed_errors_{model}") == "5 of 405 failed in 10 minutes, 1 % is put up with"
    answered(model, 200)
    assert states() == QUIET


def test_a_few_failures_of_a_quiet_night_are_none(db):
    for _ in range(4):
        feed_figures.failed("v2")
    assert states() == QUIET
    feed_figures.failed("v2")
    assert states()["feed_errors_v2"] == "firing"


def test_failures_of_no_known_model_are_told_too(db):
    for _ in range(5):
        feed_figures.failed(None)
    assert states() == QUIET | {"feed_errors_other": "firing"}


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_slow_pages_of_a_model_are_its_own(db, model):
    answered("v1", 95)
    answered("v2", 95)
    answered(model, 5, took=0.7)
    assert states() == QUIET
    answered(model, 1, took=0.7)
    assert states() == QUIET | {f"feed_time_{model}": "firing"}
    assert words(f"feed_time_{model}") == "6 of 101 took over 500 ms in 10 minutes, 5 % are put up with"


def test_what_was_ten_minutes_ago_is_over(db, monkeypatch):
    for _ in range(5):
        feed_figures.failed("v2")
    assert states()["feed_errors_v2"] == "firing"
    now = figures.time.time()
    monkeypatch.setattr(figures, "_minute_now", lambda: int(now // 60) + 11)
    assert states() == QUIET
    assert figures.value("feed_requests", model="v2", outcome="failed") == 5


# --- By which model a request failed -------------------------------------------------------------


def failures() -> dict[str, float]:
    return {
        model: figures.value("feed_requests", model=model, outcome="failed")
        for model in (*feed_figures.MODELS, "other")
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_a_statement_that_fails_counts_for_the_model_that_it_was_of(transactional_db, cast, api, monkeypatch, model):
    """Whose first page fails has no cursor that would say so."""
    use(model)
    before = failures()
    monkeypatch.setattr(feed, "WORDING", "no array")
    assert api(cast.attendee).get(f"/events/{cast.event.id}/feed").status_code == 500
    assert failures() == before | {model: before[model] + 1}


def test_with_the_database_away_nobody_asks_it_again(cast, api, monkeypatch):
    asked = []

    def away(*_):
        asked.append(1)
        raise OperationalError("the server is gone")

    before = failures()
    monkeypatch.setattr(feed, "in_one_call", away)
    monkeypatch.setattr(feed, "in_one_trip", away)
    assert api(cast.attendee).get(f"/events/{cast.event.id}/feed").status_code == 503
    assert asked == [1]
    assert failures() == before | {"other": before["other"] + 1}


def test_a_feed_that_works_is_quiet(cast, api):
    for model in ("v1", "v2"):
        use(model)
        items(api, cast, cast.attendee)
    assert states() == QUIET
    assert words("feed_errors_v1") == "0 of 1 failed in 10 minutes, 1 % is put up with"
