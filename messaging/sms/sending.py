"""Texts on their way out: claimed in batches, handed to the provider outside any transaction, and noted together."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import timedelta
from functools import cache, partial
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from api import maintenance, tracing, tracks
from api.database import make_usable
from messaging.sms import claims, crash_points, figures, limits, optouts, outcomes, provider, quiet
from messaging.sms.claims import Due, Result
from messaging.sms.models import Text

logger = logging.getLogger(__name__)

State = Text.State

# One task's time: well within what the broker waits for its end.
TASK_SECONDS = 20.0
# Results that are noted at a time, and how long one waits for others.
NOTED_TOGETHER = 25
LONGEST_UNNOTED = 0.25
LONGEST_PAUSE = timedelta(minutes=5)
# Between looks at a rate that is used up.
RATE_PAUSE = 0.05


def drain(seconds: float = TASK_SECONDS) -> bool:
    """Everything that is due, as far as this time goes; True where more is left."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if settings.SMS_BACKEND is None or maintenance.current():
            return False
        allowed = limits.take(settings.SMS_BATCH)
        if not allowed:
            time.sleep(RATE_PAUSE)
            continue
        taken = send_batch(allowed)
        if not taken:
            return False
    return True


def send_batch(most: int) -> int:
    """How many were taken from the outbox."""
    claim = claims.claim(most)
    limits.give_back(most - len(claim.due))
    waiting, unnoted, noted_at = {due.id for due in claim.due}, [], time.monotonic()
    for result in _results(claim.due, claim.token):
        waiting.discard(result.id)
        unnoted.append(result)
        if len(unnoted) >= NOTED_TOGETHER or time.monotonic() - noted_at > LONGEST_UNNOTED:
            _note(claim.token, unnoted, waiting)
            unnoted, noted_at = [], time.monotonic()
    _note(claim.token, unnoted, waiting)
    return claim.taken


def _note(token: UUID, results: list[Result], waiting: Iterable[int]) -> None:
    try:
        claims.note(token, results)
    except (OperationalError, InterfaceError):
        # Once more on a new connection: what had been committed after all has no such token any more.
        connection.close()
        claims.note(token, results)
    claims.keep(token, sorted(waiting))
    if results:
        crash_points.reach(crash_points.COMMITTED)


def _results(due: list[Due], token: UUID) -> Iterator[Result]:
    """As they come: from several threads, each with its own connections, because a call is mostly waiting."""
    if settings.SMS_THREADS == 1:
        yield from (hand_over(one, token) for one in due)
        return
    futures = [_pool().submit(_in_thread, one, token) for one in due]
    for future in as_completed(futures):
        if (result := _outcome(future)) is not None:
            yield result


def _outcome(future: Future) -> Result | None:
    try:
        return future.result()
    except Exception as error:
        # Its row stays as it is; the sweep finds it when its lease is over.
        logger.error("a text could not be worked on: %s", type(error).__name__, exc_info=error)
        return None


def _in_thread(due: Due, token: UUID) -> Result:
    make_usable()
    try:
        return hand_over(due, token)
    except Exception:
        connection.close_if_unusable_or_obsolete()
        raise


def hand_over(due: Due, token: UUID) -> Result:
    """One text: begun, handed to the provider, and what is known afterwards."""
    with tracks.within(request_id=due.request_id, delivery_id=due.id):
        result = _hand_over(due, token)
        logger.info("a text was worked on: %s", result.state)
        return result


def _hand_over(due: Due, token: UUID) -> Result:
    # Its turn may come long after it was claimed, where the provider is slow.
    is_quiet = quiet.opens_at(due.quiet, due.timezone, timezone.now()) is not None
    attempt = None if is_quiet else claims.begin(due, token)
    if attempt is None:
        # Something has changed since it was claimed; the next claim sees what.
        return Result(due.id, State.QUEUED, "looked_again", pause=timedelta(seconds=1))
    crash_points.reach(crash_points.BEGUN)
    with figures.timed(), tracing.span("text", kind="CLIENT", delivery_id=due.id):
        answer = provider.send(
            due.id, attempt, to=due.phone, body=due.content, valid_until=due.valid_until, request_id=due.request_id
        )
    crash_points.reach(crash_points.ACCEPTED)
    if answer.outcome.closes_phone:
        optouts.close(due.phone, answer.outcome.closes_phone)
    return _result(due, attempt, answer)


def _result(due: Due, attempt: int, answer: provider.Answer) -> Result:
    make = partial(Result, due.id, cause="answer", code=answer.code, sid=answer.sid)
    state, reason = answer.outcome.state, answer.outcome.reason
    if state == State.QUEUED:
        if attempt >= settings.SMS_MOST_ATTEMPTS:
            return make(state=State.FAILED, reason=outcomes.TOO_OFTEN)
        return make(state=state, reason=reason, pause=_pause(attempt))
    if state == State.SENT:
        return make(state=state, pause=timedelta(seconds=settings.SMS_SETTLE_SECONDS))
    return make(state=state, reason=reason)


def _pause(attempt: int) -> timedelta:
    """Longer each time, and not the same for all that were refused together."""
    seconds = min(2 ** min(attempt - 1, 12), LONGEST_PAUSE.total_seconds())
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.SMS_THREADS, thread_name_prefix="texts")
