"""The one Redis connection pool of this process, with short patience: Redis away must not slow a call."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from functools import cache

import hiredis
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

RedisError = redis.RedisError

_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 1.0
_away_until = 0.0
_of_thread = threading.local()


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
        # One repeat, at once: a kept connection may have died since its last use.
        retry=Retry(NoBackoff(), 1),
    )


def channel(name: str) -> str:
    """A channel of this Callboard's own: unlike keys, channels are shared by all databases of a Redis server."""
    return f"{name}:{client().connection_pool.connection_kwargs.get('db', 0)}"


class RedisAway(Exception):
    """Redis did not answer, now or within the last second."""


def run(script: str, keys: list[str], args: list) -> list:
    """Runs a script; after a failure nobody waits for Redis again for a second, and then one alone looks for it."""
    global _away_until
    if _away_until:
        now = time.monotonic()
        if now < _away_until:
            raise RedisAway
        _away_until = now + _PAUSE_SECONDS
    try:
        answer = _run(script, keys, args)
    except redis.RedisError as error:
        _away_until = time.monotonic() + _PAUSE_SECONDS
        logger.warning("Redis does not answer: %s", type(error).__name__, exc_info=error)
        raise RedisAway from error
    _away_until = 0.0
    return answer


def _run(script: str, keys: list[str], args: list) -> list:
    """On a connection of this thread's own: what the client does around a command costs more than the command."""
    call = (_digest(script), len(keys), *keys, *args)
    try:
        return _answer("EVALSHA", *call)
    except redis.exceptions.NoScriptError:
        return _answer("EVAL", script, *call[1:])
    except redis.ConnectionError:
        # A kept connection may have died since its last use; a count that was taken twice does no harm.
        return _answer("EVAL", script, *call[1:])


def _answer(*command: object) -> list:
    kept = getattr(_of_thread, "connection", None)
    if kept is None or _of_thread.client is not client():
        _of_thread.client = client()
        # Beside the pool, which would count the connections of threads that are long gone.
        pool = _of_thread.client.connection_pool
        kept = _of_thread.connection = pool.connection_class(**pool.connection_kwargs)
    try:
        # Straight to its socket and parser: what its own methods do around them costs as much again.
        if kept._sock is None:
            kept.connect()
        kept._sock.sendall(hiredis.pack_command(command))
        answer = kept._parser.read_response()
    except OSError as error:
        kept.disconnect()
        raise redis.ConnectionError(type(error).__name__) from error
    except redis.RedisError:
        kept.disconnect()
        raise
    if isinstance(answer, redis.RedisError):
        raise answer
    return answer


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
