"""What is watched of the machinery: connections, workers, streams, beat, and the watching itself."""

from __future__ import annotations

from functools import cache

from django.db.utils import Error

from api import redis
from rollout import alarms, alerts, figures, shares, work
from rollout.alerts import CRITICAL, Finding, measured, most
from rollout.figures import PREFIX

MOST_CONNECTIONS = 0.80
MOST_ERRORS = 0.001
ERROR_MINUTES = 10
# Of so few tasks or events one fault is no share; of those that beat alone sends, it would be.
LEAST_FAULTS = 2
MOST_SILENCE_SECONDS = 60


def connections() -> Finding:
    ours, server, allowed = work.connections()
    return measured(
        server / allowed, f"{server:.0f} of {allowed:.0f} connections of the server are taken, {ours:.0f} ours"
    )


def worker_errors() -> Finding:
    failed = shares.counted(work.tasks, minutes=ERROR_MINUTES, outcome=work.FAILURE)
    total = shares.counted(work.tasks, minutes=ERROR_MINUTES)
    words = f"{failed:.0f} of {total:.0f} tasks failed in {ERROR_MINUTES} minutes"
    return measured(shares.of(failed, total) if failed >= LEAST_FAULTS else None, words)


def silent_beat() -> Finding:
    ago = work.last_seen("beat")
    if ago is None:
        return alerts.firing("nobody has kept time since Redis began anew")
    return measured(ago, f"kept time {ago:.0f} s ago")


def deaf_worker() -> Finding:
    """Beat asks for a sign of life every five seconds; while it is silent nobody could give one."""
    beat, worker = work.last_seen("beat"), work.last_seen("worker")
    if beat is None or beat > MOST_SILENCE_SECONDS:
        return alerts.ok("cannot be told while beat is silent")
    if worker is None:
        return alerts.firing("no worker has finished a task since Redis began anew")
    return measured(worker, f"a worker finished a task {worker:.0f} s ago")


def _is_reachable(ask: object) -> bool:
    try:
        ask()
    except (redis.RedisError, Error):
        return False
    return True


def unanswered() -> Finding:
    """Figures stand in Redis: without it most conditions cannot be asked, and stay as they were."""
    if not _is_reachable(redis.client().ping):
        return alerts.firing("Redis does not answer: what is counted cannot be asked")
    return alerts.ok("Redis answers")


def register() -> None:
    alerts.register(
        "database_connections",
        "More than 80 % of the database server's connections are taken.",
        connections,
        severity=CRITICAL,
        minutes=2,
        limit=most(MOST_CONNECTIONS, "share"),
        expression=(
            f'max({PREFIX}database_connections{{of="server"}}) / max({PREFIX}database_connections{{of="allowed"}})'
            f" > {MOST_CONNECTIONS:g}"
        ),
    )
    failed, every = (
        shares.increase(work.tasks, ERROR_MINUTES, outcome=work.FAILURE),
        shares.increase(work.tasks, ERROR_MINUTES),
    )
    alerts.register(
        "worker_errors",
        "More than 0.1 % of the workers' tasks fail.",
        worker_errors,
        limit=most(MOST_ERRORS, "share"),
        expression=shares.over(failed, every, MOST_ERRORS, LEAST_FAULTS),
    )
    for name, words, probe, sign in (
        ("silent_beat", "Beat keeps no time: nothing recurs, and nothing scheduled goes out.", silent_beat, "beat"),
        (
            "deaf_worker",
            "No worker finishes tasks: broadcasts and notices stand still.",
            deaf_worker,
            "worker",
        ),
    ):
        alerts.register(
            name,
            words,
            probe,
            severity=CRITICAL,
            minutes=1,
            limit=most(MOST_SILENCE_SECONDS, "s"),
            expression=f'max({PREFIX}last_seen_seconds{{of="{sign}"}}) > {MOST_SILENCE_SECONDS}'
            f' or absent({PREFIX}last_seen_seconds{{of="{sign}"}})',
        )
    alerts.register(
        "figures_unreadable",
        "Redis does not answer, so most conditions cannot be asked; those that fired go on.",
        unanswered,
        severity=CRITICAL,
        minutes=2,
        expression=f"min({PREFIX}counters_readable) == 0",
    )


@cache
def names() -> list[str]:
    """the names of the alarms"""
    return [alert.name for alert in alerts.registered()]


figures.gauge("alarm_broken", "1 where the condition did not hold at the last look.", alarms.broken, {"alarm": names})
figures.gauge("alarms_looked_at_seconds", "When the conditions were last looked at, as Unix time.", alarms.looked_at)
