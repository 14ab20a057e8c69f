"""What is counted of texts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from messaging.sms import exclusions
from messaging.sms.models import Text
from rollout import figures

moves = figures.counter("texts_moved", "Texts by where they went.", {"state": Text.State.values})
suppressed = figures.counter("texts_suppressed", "Texts that were not sent, by reason.", {"reason": exclusions.REASONS})
errors = figures.counter(
    "text_errors",
    "Errors that the provider named, by its code.",
    {"code": ("20003", "20429", "21211", "21408", "21610", "21614", "30003", "30005", "30006", "30007", "30036")},
)
callbacks = figures.counter(
    "text_callbacks",
    "What the provider told, by status; what it told before counts apart.",
    {"status": ("queued", "sending", "sent", "delivered", "undelivered", "failed"), "heard": ("first", "again")},
)
calls = figures.histogram("text_call_seconds", "How long the provider took to answer.")


def moved(state: str, reason: str | None = None, code: int | None = None) -> None:
    moves.add(state=str(state))
    if state == Text.State.SUPPRESSED:
        suppressed.add(reason=str(reason))
    if code:
        errors.add(code=str(code))


def callback(status: str, *, is_news: bool) -> None:
    callbacks.add(status=status, heard="first" if is_news else "again")


@contextmanager
def timed() -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        calls.observe(time.perf_counter() - began)
