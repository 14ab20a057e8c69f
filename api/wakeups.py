"""Wake-ups for workers, through Celery. They carry no work: that stands in the database, and a sweep finds what a lost
wake-up was for. So one that cannot be sent delays, and never turns a write that was committed into an error."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction

from api import redis

_ANSWER = "return 1"

logger = logging.getLogger(__name__)

# Once more, at once: a kept connection to Redis may have died since its last use.
_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def after_commit(task: str, *arguments: str) -> None:
    """By the task's name: who does the work is not always one whom the caller may import."""
    transaction.on_commit(partial(send, task, *arguments), robust=True)


def send(task: str, *arguments: Any, expires: float | None = None) -> bool:
    """Whether it is on its way."""
    try:
        # Celery would hold whoever sends for seconds before it says that nobody answers.
        redis.run(_ANSWER, [], [])
        current_app.send_task(task, args=arguments, expires=expires, retry=True, retry_policy=_RETRY)
    except redis.RedisAway:
        # Who asked first has said why.
        logger.warning("a wake-up was not sent: Redis is away")
        return False
    except Exception as error:
        # Broker libraries raise errors of their own, of Redis and of sockets.
        logger.warning("a wake-up was not sent: %s", type(error).__name__, exc_info=error)
        return False
    return True
