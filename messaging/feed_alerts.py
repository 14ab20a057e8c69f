"""When somebody should hear of the feed: by one of its read models it fails, or is slow."""

from __future__ import annotations

from functools import partial

from messaging.feed_figures import MODELS, requests, seconds
from rollout import alerts, figures, shares

MINUTES = 10
MOST_FAILED_PERCENT = 1
# As slow as the go or no-go of more people calls too slow; one of the histogram's bounds.
SLOW_SECONDS = 0.5
MOST_SLOW_PERCENT = 5
# Everybody reads by v1 again, at once.
BACK = "manage.py feed swap --to v1"
# A single one in a quiet night wakes nobody.
FEW = 5


def register() -> None:
    for model in (*MODELS, figures.OTHER):
        by = f"by {model}" if model in MODELS else "before it was known by which model"
        words = f"Feed requests failed {by}, more than {MOST_FAILED_PERCENT} % of them in {MINUTES} minutes."
        alerts.register(
            f"feed_errors_{model}",
            words,
            partial(_errors, model),
            severity=alerts.CRITICAL,
            limit=alerts.most(MOST_FAILED_PERCENT / 100, "share"),
            rollback=BACK if model == "v2" else "",
            expression=_expression(model),
        )
    for model in MODELS:
        words = f"Feeds by {model} took the database longer than {_SLOW}, more than {MOST_SLOW_PERCENT} % of them."
        alerts.register(
            f"feed_time_{model}",
            words,
            partial(_time, model),
            limit=alerts.most(MOST_SLOW_PERCENT / 100, "share"),
            rollback=BACK if model == "v2" else "",
            expression=_slow_expression(model),
        )


def _errors(model: str) -> alerts.Finding:
    counted = {
        (found.labels["model"], found.labels["outcome"]): found.value
        for found in figures.recent(requests, minutes=MINUTES)
    }
    failed = counted.get((model, "failed"), 0)
    # Of what nobody knows the model of, all of them.
    total = sum(number for (by, _), number in counted.items() if model in (by, figures.OTHER))
    words = f"{failed:.0f} of {total:.0f} failed in {MINUTES} minutes, {MOST_FAILED_PERCENT} % is put up with"
    return _finding(failed, total, words)


def _time(model: str) -> alerts.Finding:
    counted = {
        (found.suffix, found.labels.get("le")): found.value
        for found in figures.recent(seconds, minutes=MINUTES)
        if found.labels["model"] == model
    }
    total = counted.get(("_count", None), 0)
    slow = total - counted.get(("_bucket", repr(SLOW_SECONDS)), 0)
    words = f"{slow:.0f} of {total:.0f} took over {_SLOW} in {MINUTES} minutes, {MOST_SLOW_PERCENT} % are put up with"
    return _finding(slow, total, words)


def _finding(bad: float, total: float, words: str) -> alerts.Finding:
    return alerts.measured(bad / total if bad >= FEW else None, words)


def _expression(model: str) -> str:
    failed = shares.increase(requests, MINUTES, model=model, outcome="failed")
    every = shares.increase(
        requests, MINUTES, **({} if model == figures.OTHER else {"model": f"{model}|{figures.OTHER}"})
    )
    return shares.over(failed, every, MOST_FAILED_PERCENT / 100, FEW)


def _slow_expression(model: str) -> str:
    every = shares.increase(seconds, MINUTES, "_count", model=model)
    slow = f"({every} - {shares.increase(seconds, MINUTES, '_bucket', model=model, le=repr(SLOW_SECONDS))})"
    return shares.over(slow, every, MOST_SLOW_PERCENT / 100, FEW)


_SLOW = f"{SLOW_SECONDS * 1000:.0f} ms"
