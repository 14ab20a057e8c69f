"""Looks at the conditions where nobody else does: beat is silent, or its worker deaf.

Each web process asks now and then when the last look was. Usually it was beat's a moment ago, and that is all; if it is
late, this process looks, and sends what it told itself, because the worker that would send it may be what is missing.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from api import redis
from api.outgoing import sending
from rollout import alarm_mails, alarms
from rollout.models import Reading

logger = logging.getLogger(__name__)

LATE_SECONDS = 100
# Who has looked in its place goes on every minute, until beat is back.
ON_WATCH_SECONDS = 50
EVERY_SECONDS = 15

_started_in: int | None = None
_looked_last = False


def begin() -> None:
    """Once in a process; a fork has none of its parent's threads."""
    global _started_in
    if _started_in != os.getpid():
        _started_in = os.getpid()
        threading.Thread(target=_keep_watching, name="watchdog", daemon=True).start()


def watch() -> bool:
    """Whether it had to look."""
    global _looked_last
    if not _is_late(ON_WATCH_SECONDS if _looked_last else LATE_SECONDS):
        return False
    try:
        _looked_last = alarms.evaluate()
        if not _looked_last:
            return False
        logger.warning("the conditions were looked at from here: beat or its worker has not done so")
        alarm_mails.send_due()
        sending.send_due()
        return True
    finally:
        connection.close()


def _is_late(seconds: float) -> bool:
    try:
        return time.time() - alarms.looked_at() > seconds
    except redis.RedisError:
        since = timezone.now() - timedelta(seconds=seconds)
        return not Reading.objects.filter(at__gte=since).exists()


def _keep_watching() -> None:
    while True:
        # Not all processes at once.
        time.sleep(EVERY_SECONDS * random.uniform(0.7, 1.3))  # noqa: S311
        try:
            watch()
        except Exception as error:
            logger.warning("the conditions could not be looked at: %s", type(error).__name__)
            connection.close()
