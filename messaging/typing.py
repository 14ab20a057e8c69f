"""Who is typing where: kept in Redis for some seconds, told to whoever looks on; without Redis nobody hears of it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson

from accounts.models import User
from api import redis

LASTS = timedelta(seconds=6)
CHANNEL = "typing"

_TELL = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('PUBLISH', ARGV[3], ARGV[1])
"""


def tell(conversation_id: UUID, *, by: User) -> None:
    expires_at = datetime.now(UTC) + LASTS
    told = orjson.dumps({"conversation_id": conversation_id, "user_id": by.id, "expires_at": expires_at})
    with contextlib.suppress(redis.RedisAway):
        channel = redis.channel(CHANNEL)
        redis.run(_TELL, [f"typing:{conversation_id}:{by.id}"], [told, LASTS // timedelta(milliseconds=1), channel])
