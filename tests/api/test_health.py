"""Health: each part is asked, and the one that fails is named."""

import time

import pytest
from django.db import connection

from api import health, redis, tasks


def stamp(key: str, age: float = 0) -> None:
    redis.client().set(key, repr(time.time() - age))


@pytest.fixture
def all_seen():
    for key in (health.CANARY, health.BEAT, health.STREAM, "health:text-canary"):
        stamp(key)


def test_live_looks_at_nothing(client, django_db_blocker):
    with django_db_blocker.block():
        response = client.get("/api/health/live")
    assert response.json() == {"status": "ok", "checks": {}}


def test_ready_looks_at_database_and_migrations_only(client, db):
    response = client.get("/api/health/ready")
    assert response.status_code == 200
    assert sorted(response.json()["checks"]) == ["database", "migrations"]


def test_ready_names_migrations_that_are_missing(client, db):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'api' AND name LIKE '0002%'")
    response = client.get("/api/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == {"status": "failed", "detail": "1 migrations are not applied"}
    assert response.json()["checks"]["database"]["status"] == "ok"


def test_whole_report_is_well_when_every_part_was_seen(client, db, all_seen):
    response = client.get("/api/health")
    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert list(response.json()["checks"]) == [
        "database", "migrations", "redis", "worker", "beat", "stream", "texts", "texts_worker",
    ]  # fmt: skip


@pytest.mark.parametrize(("key", "name"), [(health.BEAT, "beat"), (health.STREAM, "stream")])
@pytest.mark.parametrize("is_missing", [True, False])
def test_part_that_fell_silent_is_named(client, db, all_seen, key, name, is_missing):
    redis.client().delete(key) if is_missing else stamp(key, age=120)
    response = client.get("/api/health")
    assert response.status_code == 503
    failed = [part for part, check in response.json()["checks"].items() if check["status"] == "failed"]
    assert failed == [name]


def test_worker_that_finishes_nothing_is_named(client, db, all_seen, monkeypatch):
    monkeypatch.setattr(health, "CANARY_PATIENCE_SECONDS", 0.2)
    stamp(health.CANARY, age=60)
    response = client.get("/api/health")
    assert response.json()["checks"]["worker"] == {"status": "failed", "detail": "no worker finished a task"}


def test_canary_stamps_that_it_came_through(db):
    tasks.canary()
    assert health.worker().startswith("finished a task")


def test_beat_is_seen_by_the_canaries_that_it_sends():
    tasks.note_beat(sender=tasks.canary.name, body=((), tasks.SENT_BY_BEAT, {}))
    assert health.beat().startswith("seen")


def test_canary_of_a_health_call_is_no_sign_of_beat():
    tasks.note_beat(sender=tasks.canary.name, body=((), {}, {}))
    with pytest.raises(health.Failed):
        health.beat()
