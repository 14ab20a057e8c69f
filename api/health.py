"""Is everything there? Each part is really asked, and one that fails is named.

Left apps add their parts with `register`. A check returns a few words, or raises Failed with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import orjson
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from api import redis

CANARY = "health:canary"
BEAT = "health:beat"
STREAM, STREAMS = "health:stream", "health:streams"

# A canary flies every five seconds; one that is older than this is asked for again, and waited for.
FRESH_SECONDS = 10
CANARY_PATIENCE_SECONDS = 3
BEAT_SILENCE_SECONDS = 20
STREAM_SILENCE_SECONDS = 20


class Failed(Exception):
    """Says in a few words what is wrong with a part."""


Check = Callable[[], str]
_checks: dict[str, Check] = {}
# Those that do something rather than look: asked by name alone.
_apart: set[str] = set()


def register(name: str, check: Check, *, is_apart: bool = False) -> None:
    _checks[name] = check
    if is_apart:
        _apart.add(name)


def report(*names: str) -> dict:
    """The document of the health calls; without names, every part that is only looked at."""
    checks = {name: _outcome(_checks[name]) for name in names or _checks if names or name not in _apart}
    is_well = all(outcome["status"] == "ok" for outcome in checks.values())
    return {"status": "ok" if is_well else "failed", "checks": checks}


def _outcome(check: Check) -> dict:
    try:
        return {"status": "ok", "detail": check()}
    except Failed as failure:
        return {"status": "failed", "detail": str(failure)}
    except Exception as error:
        # The type alone: messages of drivers name hosts and users.
        return {"status": "failed", "detail": f"does not answer ({type(error).__name__})"}


def database() -> str:
    if not connection.in_atomic_block and connection.connection and not connection.is_usable():
        connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "answers"


def migrations() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = _migrations_on_disk() - set(cursor.fetchall())
    if missing:
        raise Failed(f"{len(missing)} migrations are not applied")
    return "applied"


@cache
def _migrations_on_disk() -> frozenset:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(loader.disk_migrations)


def redis_answers() -> str:
    redis.client().ping()
    return "answers"


def worker() -> str:
    """Alive is not enough: a worker can run and be deaf. A task that went through lately is the proof."""
    if (age := _age(CANARY)) is not None and age <= FRESH_SECONDS:
        return f"finished a task {age:.0f} s ago"
    from api.tasks import canary

    asked_at = time.time()
    canary.apply_async(expires=CANARY_PATIENCE_SECONDS, retry=False)
    while time.time() < asked_at + CANARY_PATIENCE_SECONDS:
        time.sleep(0.1)
        if _stamp(CANARY) >= asked_at:
            return "finished a task just now"
    raise Failed("no worker finished a task")


def beat() -> str:
    return _recent(BEAT, BEAT_SILENCE_SECONDS, "the clock of periodic jobs")


def stream() -> str:
    seen = _recent(STREAM, STREAM_SILENCE_SECONDS, "the stream process")
    processes = _stream_processes()
    if any(process["is_away"] for process in processes):
        raise Failed("a stream process cannot read the log")
    return f"{seen}, {sum(process['open'] for process in processes)} open"


def _stream_processes() -> list[dict]:
    """What each said last; one that has ended is forgotten."""
    said = {name: orjson.loads(words) for name, words in redis.client().hgetall(STREAMS).items()}
    if gone := [name for name, words in said.items() if words["at"] < time.time() - STREAM_SILENCE_SECONDS]:
        redis.client().hdel(STREAMS, *gone)
    return [words for name, words in said.items() if name not in gone]


def replica_answers() -> str:
    from api.replica.watch import watch

    is_fit, said = watch.report()
    if not is_fit:
        raise Failed(f"passed over: {said}")
    return f"answers, {said}"


def note(key: str) -> None:
    """Stamps that a part was alive now."""
    redis.client().set(key, repr(time.time()), ex=3600)


def _stamp(key: str) -> float:
    return float(redis.client().get(key) or 0)


def _age(key: str) -> float | None:
    stamped = _stamp(key)
    return time.time() - stamped if stamped else None


def _recent(key: str, silence: int, who: str) -> str:
    age = _age(key)
    if age is None:
        raise Failed(f"{who} has not been seen")
    if age > silence:
        raise Failed(f"{who} was last seen {age:.0f} s ago")
    return f"seen {age:.0f} s ago"


register("database", database)
register("migrations", migrations)
register("redis", redis_answers)
register("worker", worker)
register("beat", beat)
register("stream", stream)
if "replica" in settings.DATABASES:
    register("replica", replica_answers)

READY = ("database", "migrations")
