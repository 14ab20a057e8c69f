"""The servers and processes: whether they answer, how old they are, and whether their clocks agree."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import connection, connections

from api import health, redis
from api.doctor import Finding, fault, good, unless, warning

OLDEST_POSTGRES, OLDEST_REDIS = 150_000, (6, 2)
MOST_SECONDS_APART, FAR_APART = 2.0, 30.0

REMEDIES = {
    "database": "Start PostgreSQL, or mend DATABASE_URL.",
    "redis": "Start Redis, or mend REDIS_URL.",
    "worker": "Start the Procfile's `worker`; restart it where it is alive and deaf.",
    "beat": "Start the Procfile's `beat`.",
    "stream": "Start the Procfile's `stream`.",
    "texts": "Start the Procfile's `texts`, and see that a provider is set.",
    "texts_worker": "Start the Procfile's `texts`.",
}


def parts() -> Iterator[Finding]:
    for name, found in health.report()["checks"].items():
        if name == "migrations":
            continue
        remedy = REMEDIES.get(name, "See the log of the process that is named.")
        yield unless(found["status"] == "ok", fault(name, found["detail"], remedy), found["detail"])


def versions() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, shown = cursor.fetchone()
    old = fault("PostgreSQL", f"{shown}: too old", "Callboard needs 15 or newer.")
    yield unless(number >= OLDEST_POSTGRES, old, shown)
    shown = redis.client().info("server")["redis_version"]
    is_new = tuple(int(part) for part in shown.split(".")[:2]) >= OLDEST_REDIS
    yield unless(is_new, fault("Redis", f"{shown}: too old", "Callboard needs 6.2 or newer."), shown)


def clocks() -> Iterator[Finding]:
    """Leases and quotas go by the database's clock, tokens and signatures by this machine's."""
    seconds, micro = redis.client().time()
    yield _clock("clock of Redis", seconds + micro / 1e6 - time.time())
    # A replica judges by its own whether a token has ended.
    for alias in connections:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float")
            yield _clock(
                f"clock of the {'database' if alias == 'default' else alias}", cursor.fetchone()[0] - time.time()
            )


def _clock(name: str, apart: float) -> Finding:
    words = f"{abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} ours"
    if abs(apart) <= MOST_SECONDS_APART:
        return good(name, "agrees with ours")
    tell = fault if abs(apart) > FAR_APART else warning
    return tell(name, words, "Let both machines keep time by NTP.")


def migrations() -> Iterator[Finding]:
    try:
        yield good("migrations", health.migrations())
    except health.Failed as failed:
        yield fault("migrations", str(failed), "Run manage.py migrate; it does not stop those who write.")
