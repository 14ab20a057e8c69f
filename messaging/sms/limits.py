"""How many texts our sender may send now: a bucket in Redis that fills at the sender's rate, for all workers together.

With Redis away each process keeps one of its own, so that the rate is bounded all the same.
"""

from __future__ import annotations

import threading
import time

from django.conf import settings

from api import redis

_KEY = "texts:rate"
_KEPT_MS = 60_000

# Takes up to as many as wanted; less than one leaves what is there. Filling goes by Redis' clock, which all share.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local rate, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = tonumber(kept[1]) or rate
left = math.min(rate, left + math.max(0, now - (tonumber(kept[2]) or now)) * rate / 1000)
local taken = math.min(wanted, math.max(0, math.floor(left)))
redis.call('HSET', KEYS[1], 'left', tostring(left - taken), 'at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return taken
"""


class _Bucket:
    """The same without Redis."""

    def __init__(self):
        self._lock = threading.Lock()
        self._left, self._at = None, time.monotonic()

    def take(self, wanted: int) -> int:
        rate = settings.SMS_RATE
        with self._lock:
            now = time.monotonic()
            left = rate if self._left is None else min(rate, self._left + (now - self._at) * rate)
            taken = min(wanted, max(0, int(left)))
            self._left, self._at = left - taken, now
            return taken


_own = _Bucket()


def take(wanted: int) -> int:
    """As many of these as may go now; a negative number gives back, or holds the sender for a while."""
    try:
        return int(redis.run(_TAKE, [_key()], [settings.SMS_RATE, wanted, _KEPT_MS]))
    except redis.RedisAway:
        return _own.take(wanted)


def give_back(number: int) -> None:
    if number > 0:
        take(-number)


def _key() -> str:
    return f"{_KEY}:{settings.TWILIO_MESSAGING_SERVICE_SID or settings.TWILIO_FROM}"
