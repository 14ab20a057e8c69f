"""What is watched of conversations and feeds: starts that come to nothing or are slow, who still takes the old path."""

from __future__ import annotations

from messaging import feed_figures, stream_figures, traffic
from rollout import alerts, flags, names, shares
from rollout.alerts import CRITICAL, INFO, Finding, least, measured, most
from rollout.models import Flag

# Looked at over so long, each minute.
MINUTES = 5
LEAST_SUCCESS, LEAST_SUCCESS_WARNING = 0.85, 0.95
MOST_START_ERRORS = 0.10
MOST_START_P95_SECONDS = 1.0
MOST_FEED_SECONDS = 1.0
ADOPTION_MINUTES = 60
# Shares of fewer than that say nothing.
LEAST_STARTS = 20
MOST_STREAM_ERRORS = 0.001
STREAM_MINUTES = 10
LEAST_FAULTS = 2

# Conversations stand afterwards; what the rules refuse is nobody's fault.
WHOLE = ("done", "replayed", "exists")
LOST = ("unserved", "failed")

BACK_TO_V1 = "manage.py feed swap --to v1"
BACK_TO_OLD_TABLES = "manage.py waffle_flag messaging_v2 --deactivate"


def start_success() -> Finding:
    whole = shares.counted(traffic.starts, minutes=MINUTES, outcome=WHOLE)
    lost = shares.counted(traffic.starts, minutes=MINUTES, outcome=LOST)
    words = f"{whole:.0f} of {whole + lost:.0f} starts that the rules allow came to a conversation in {MINUTES} minutes"
    return measured(shares.of(whole, whole + lost) if lost >= shares.FEW else None, words)


def start_errors() -> Finding:
    failed = shares.counted(traffic.starts, minutes=MINUTES, outcome="failed")
    total = shares.counted(traffic.starts, minutes=MINUTES)
    words = f"{failed:.0f} of {total:.0f} starts failed on our side in {MINUTES} minutes"
    return measured(shares.of(failed, total) if failed >= shares.FEW else None, words)


def start_time() -> Finding:
    found = shares.percentile(traffic.start_seconds, 0.95, minutes=MINUTES)
    words = (
        "too few starts to say" if found is None else f"95 of 100 starts took up to {found:g} s in {MINUTES} minutes"
    )
    return measured(found, words)


def feed_time() -> Finding:
    found = shares.mean(feed_figures.seconds, minutes=MINUTES)
    words = (
        "too few feeds to say"
        if found is None
        else f"a feed took {found * 1000:.0f} ms on average in {MINUTES} minutes"
    )
    return measured(found, words)


def adoption() -> Finding:
    """How far the starts that the new tables took fall short of the share of people who should start there."""
    new = shares.counted(traffic.starts, minutes=ADOPTION_MINUTES - 1, version="v2", outcome="done")
    old = shares.counted(traffic.starts, minutes=ADOPTION_MINUTES - 1, version="v1", outcome="done")
    if new + old < LEAST_STARTS:
        return measured(None, f"{new + old:.0f} starts in an hour, too few to say")
    expected, found = _share() / 100, shares.of(new, new + old)
    words = f"{new:.0f} of {new + old:.0f} starts of an hour went to the new tables, {expected:.0%} of people should"
    return measured(expected - found, words)


def old_path() -> Finding:
    old = shares.counted(traffic.starts, minutes=MINUTES, version="v1")
    if _share() < 100:
        return measured(None, "the old tables still take starts, as set")
    return measured(old, f"{old:.0f} starts went to the old tables in {MINUTES} minutes, though all should be new")


def stream_errors() -> Finding:
    failed = shares.counted(stream_figures.events, minutes=STREAM_MINUTES, outcome="failed")
    total = shares.counted(stream_figures.events, minutes=STREAM_MINUTES)
    words = f"{failed:.0f} of {total:.0f} events of live streams failed in {STREAM_MINUTES} minutes"
    return measured(shares.of(failed, total) if failed >= LEAST_FAULTS else None, words)


def _share() -> float:
    flag = Flag.objects.filter(name=names.MESSAGING_V2).first()
    return float(flags.reach(flag)) if flag else 0.0


def register() -> None:
    _register_starts()
    alerts.register(
        "average_feed_time",
        "A feed takes more than a second on average.",
        feed_time,
        severity=CRITICAL,
        minutes=5,
        limit=most(MOST_FEED_SECONDS, "s"),
        rollback=BACK_TO_V1,
        expression=(
            f"{shares.increase(feed_figures.seconds, MINUTES, '_sum')}"
            f" / {shares.increase(feed_figures.seconds, MINUTES, '_count')} > {MOST_FEED_SECONDS:g}"
            f" and {shares.increase(feed_figures.seconds, MINUTES, '_count')} >= {shares.FEW}"
        ),
    )
    failed, every = (
        shares.increase(stream_figures.events, STREAM_MINUTES, outcome="failed"),
        shares.increase(stream_figures.events, STREAM_MINUTES),
    )
    alerts.register(
        "stream_errors",
        "More than 0.1 % of what live streams hand on fails.",
        stream_errors,
        limit=most(MOST_STREAM_ERRORS, "share"),
        expression=shares.over(failed, every, MOST_STREAM_ERRORS, LEAST_FAULTS),
    )


def _register_starts() -> None:
    whole = shares.increase(traffic.starts, MINUTES, outcome="|".join(WHOLE))
    lost = shares.increase(traffic.starts, MINUTES, outcome="|".join(LOST))
    for name, bar, severity, minutes in (
        ("start_success", LEAST_SUCCESS, CRITICAL, 10),
        ("start_success_low", LEAST_SUCCESS_WARNING, alerts.WARNING, 15),
    ):
        alerts.register(
            name,
            f"Fewer than {100 * bar:.0f} % of the starts that the rules allow come to a conversation.",
            start_success,
            severity=severity,
            minutes=minutes,
            limit=least(bar, "share"),
            rollback=BACK_TO_OLD_TABLES if severity == CRITICAL else "",
            expression=f"{whole} / ({whole} + {lost}) < {bar:g} and {lost} >= {shares.FEW}",
        )
    failed, every = shares.increase(traffic.starts, MINUTES, outcome="failed"), shares.increase(traffic.starts, MINUTES)
    alerts.register(
        "start_errors",
        "More than 10 % of the attempts to start a conversation fail on our side.",
        start_errors,
        severity=CRITICAL,
        limit=most(MOST_START_ERRORS, "share"),
        rollback=BACK_TO_OLD_TABLES,
        expression=shares.over(failed, every, MOST_START_ERRORS),
    )
    alerts.register(
        "start_time",
        "One in twenty starts of a conversation takes more than a second.",
        start_time,
        minutes=10,
        limit=most(MOST_START_P95_SECONDS, "s"),
        expression=(
            "histogram_quantile(0.95, sum by (le) (rate(callboard_conversation_start_seconds_bucket"
            f"[{MINUTES}m]))) > {MOST_START_P95_SECONDS:g}"
        ),
    )
    alerts.register(
        "adoption",
        "Fewer conversations start in the new tables than the share of people who should.",
        adoption,
        severity=INFO,
        minutes=15,
        limit=most(0.05, "share"),
    )
    alerts.register(
        "old_path",
        "Conversations still start in the old tables, though everybody should use the new ones.",
        old_path,
        severity=INFO,
        limit=most(0),
    )
