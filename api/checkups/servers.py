"""The servers and processes: whether they answer, how old they are, and whether their clocks agree."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import connection, connections

from api import health, redis
from api.checkups.settings import is_of_this_machine
from api.doctor import Finding, fault, good, note, unless, warning

OLDEST_POSTGRES, OLDEST_REDIS = (15,), (6, 2)
# The first release of a line without the holes of which docs/security.md tells; of lines left out nothing is known.
MENDED_POSTGRES, MENDED_REDIS = {(15,): 19, (16,): 15, (17,): 11, (18,): 6}, {(6, 2): 20}
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
    number, shown = _postgres()
    yield _version("PostgreSQL", shown, divmod(number, 10_000), OLDEST_POSTGRES, MENDED_POSTGRES)
    shown = _redis()
    yield _version("Redis", shown, tuple(map(int, shown.split(".")[:3])), OLDEST_REDIS, MENDED_REDIS)


def _version(name: str, shown: str, version: tuple, oldest: tuple, mended: dict[tuple, int]) -> Finding:
    *line, release = version
    if (line := tuple(line)) < oldest:
        return fault(name, f"{shown}: too old", f"Callboard needs {_dotted(oldest)} or newer.")
    if release >= mended.get(line, 0):
        return good(name, shown)
    # On a machine of one's own, where nobody else reaches it, that can wait.
    tell = note if is_of_this_machine() else warning
    newer = _dotted((*line, mended[line]))
    return tell(name, f"{shown}: has known holes", f"Take {newer} or newer, from whoever keeps yours up to date.")


def _dotted(version: tuple) -> str:
    return ".".join(map(str, version))


def _postgres() -> tuple[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        return cursor.fetchone()


def _redis() -> str:
    return redis.client().info("server")["redis_version"]


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
