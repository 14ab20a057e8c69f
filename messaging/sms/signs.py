"""Whether texts move: the age of what is due, and a task of their own queue that went through."""

from __future__ import annotations

import time

from django.conf import settings
from django.db import connection

from api import health, maintenance, redis
from messaging.sms.models import Text

CANARY = "health:text-canary"

# What is due goes out with the next wake-up or sweep; beyond this, nobody is at it.
MOST_AGE_SECONDS = 60
FRESH_SECONDS = 15


def outbox_age() -> float:
    """Seconds that the oldest due text has been waiting; by text_due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM statement_timestamp() - min(next_at))::float FROM messaging_text"
            " WHERE state = 'queued' AND next_at <= statement_timestamp()"
        )
        return cursor.fetchone()[0] or 0.0


MOST_COUNTED = 100_000


def outbox_size() -> int:
    """Texts that are due or are being sent; at most as many as an index tells fast."""
    return Text.objects.filter(state__in=[Text.State.QUEUED, Text.State.SENDING])[:MOST_COUNTED].count()


def unknown() -> int:
    """At most as many as an index tells fast."""
    return Text.objects.filter(state=Text.State.UNKNOWN)[:MOST_COUNTED].count()


def outbox() -> str:
    age = outbox_age()
    if age <= MOST_AGE_SECONDS:
        return "nothing waits" if age == 0 else f"the oldest has waited for {age:.0f} s"
    if maintenance.current():
        return f"the oldest has waited for {age:.0f} s, for maintenance"
    why = "nobody is set to take them" if settings.SMS_BACKEND is None else "no worker takes them"
    raise health.Failed(f"a text has waited for {age:.0f} s: {why}")


def worker() -> str:
    """A worker of this queue can be there and be deaf: a task that went through lately is the proof."""
    age = _canary_age()
    if age is None or age > FRESH_SECONDS:
        age = _ask()
    return f"finished a task {age:.0f} s ago"


def last_seen() -> float | None:
    """Seconds since a worker of this queue finished a task."""
    return _canary_age()


def _ask() -> float:
    from messaging.tasks import text_canary

    asked_at = time.time()
    text_canary.apply_async(expires=health.CANARY_PATIENCE_SECONDS, retry=False)
    while time.time() < asked_at + health.CANARY_PATIENCE_SECONDS:
        time.sleep(0.1)
        age = _canary_age()
        if age is not None and time.time() - age >= asked_at:
            return age
    raise health.Failed("no worker of the texts finished a task")


def _canary_age() -> float | None:
    stamped = float(redis.client().get(CANARY) or 0)
    return time.time() - stamped if stamped else None
