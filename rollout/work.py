"""What workers do and what waits for them: tasks by how they ended, queues, and the database's connections."""

from __future__ import annotations

import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from celery import current_app
from celery.signals import task_postrun, task_prerun
from django.apps import apps
from django.conf import settings
from django.db import connection

from api import health, redis
from rollout import figures

SUCCESS, FAILURE, RETRY = "succeeded", "failed", "repeated"
_OUTCOMES = {"SUCCESS": SUCCESS, "RETRY": RETRY}
QUEUES = tuple(queue.name for queue in settings.CELERY_TASK_QUEUES)


def task_names() -> list[str]:
    """the names of our tasks"""
    # Not by Celery's own way: that sets Django up anew, logs too, and a worker's would be lost from then on.
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.tasks"):
            import_module(f"{app.name}.tasks")
    return sorted(name for name in current_app.tasks if not name.startswith("celery."))


tasks = figures.counter("tasks", "Tasks by how they ended.", {"task": task_names, "outcome": (SUCCESS, FAILURE, RETRY)})
seconds = figures.histogram(
    "task_seconds", "How long tasks took.", {"task": task_names}, buckets=(0.01, 0.05, 0.25, 1.0, 5.0, 20.0, 60.0)
)
_BEGAN = "_callboard_began"


@task_prerun.connect
def note_begin(task: Any = None, **_: object) -> None:
    setattr(task.request, _BEGAN, time.perf_counter())


@task_postrun.connect
def note_end(task: Any = None, state: str | None = None, **_: object) -> None:
    tasks.add(task=task.name, outcome=_OUTCOMES.get(state or "", FAILURE))
    if began := getattr(task.request, _BEGAN, None):
        seconds.observe(time.perf_counter() - began, task=task.name)


def queue_depth() -> dict[tuple[str], float]:
    """What waits and nobody has taken; the broker keeps each queue as a list of its name."""
    asked = redis.client().pipeline(transaction=False)
    for name in QUEUES:
        asked.llen(name)
    return {(name,): float(found) for name, found in zip(QUEUES, asked.execute(), strict=True)}


# Of all databases of the server: they share its limit. Those kept for superusers are not for us.
_CONNECTIONS = (
    "SELECT (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database WHERE datname = current_database())::float,"
    " (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database WHERE datname IS NOT NULL)::float,"
    " current_setting('max_connections')::float - current_setting('superuser_reserved_connections')::float"
)


def connections() -> tuple[float, float, float]:
    """To our database, to the whole server, and how many it allows."""
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        return cursor.fetchone()


def _connection_gauge() -> dict[tuple[str], float]:
    return dict(zip([("ours",), ("server",), ("allowed",)], connections(), strict=True))


SIGNS = {"beat": health.BEAT, "worker": health.CANARY, "stream": health.STREAM}


def last_seen(sign: str) -> float | None:
    """Seconds ago; None where it is not known."""
    stamped = float(redis.client().get(SIGNS[sign]) or 0)
    return max(time.time() - stamped, 0.0) if stamped else None


def signs_of_life() -> dict[tuple[str], float]:
    return {(sign,): ago for sign in SIGNS if (ago := last_seen(sign)) is not None}


figures.gauge(
    "last_seen_seconds",
    "How long ago beat kept time, a worker finished a task, a stream process gave a sign of life.",
    signs_of_life,
    {"of": tuple(SIGNS)},
)
figures.gauge("queue_depth", "Tasks that wait in each queue.", queue_depth, {"queue": QUEUES})
figures.gauge(
    "database_connections",
    "Connections to our database, to all of its server, and how many it allows.",
    _connection_gauge,
    {"of": ("ours", "server", "allowed")},
)
