"""How far the primary's log had come when it last answered somebody. Kept in Redis, for all processes.

Without Redis, and for a while after it has lost what it knew, nobody is known to have written nothing: then the copy is
not asked.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings

from api import redis

IS_ON = "replica" in settings.DATABASES
# Far longer than a copy may be behind and still be asked.
KEPT_SECONDS = 300
# Further than any log: where nobody could say how far it had come. Redis counts in doubles, exact up to here.
_UNKNOWN = 2**53

_ERA, _EVERYBODY, _PERSON = "wal:era", "wal:everybody", "wal:person:"

# Positions only go up: of two writes at once the later one counts, whichever is noted first.
_NOTE = """
local kept = tonumber(redis.call('GET', KEYS[1]))
if not kept or kept < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
return {1}
"""
# Redis may have been emptied: that nothing is noted means something only once its memory is old enough.
_NEEDED = """
local now = tonumber(redis.call('TIME')[1])
local era = tonumber(redis.call('GET', KEYS[1]))
if not era then
  redis.call('SET', KEYS[1], now)
  return {}
end
if now - era <= tonumber(ARGV[1]) then
  return {}
end
return {math.max(tonumber(redis.call('GET', KEYS[2]) or 0), tonumber(redis.call('GET', KEYS[3]) or 0))}
"""


def note(person_id: Any, position: int | None) -> None:
    """From now on this person is not answered by a copy that has not come so far; None is for a while by none."""
    _note(f"{_PERSON}{person_id}", position)


def note_for_everybody(position: int | None) -> None:
    """For what changes others' rights: nobody is answered from before it."""
    _note(_EVERYBODY, position)


def needed_by(person_id: Any) -> int | None:
    """Where a copy must have come to answer this person; None where nobody knows."""
    keys = [_ERA, _EVERYBODY, f"{_PERSON}{person_id}"]
    try:
        found = redis.run(_NEEDED, keys, [_grown_old()])
    except redis.RedisAway:
        return None
    return int(found[0]) if found else None


def _note(key: str, position: int | None) -> None:
    values = [_UNKNOWN, _grown_old()] if position is None else [position, KEPT_SECONDS]
    # With Redis away nobody's reads go to a copy either; nor do they until what it knows is old enough.
    with suppress(redis.RedisAway):
        redis.run(_NOTE, [key], values)


def _grown_old() -> int:
    """After so many seconds a copy that is still asked has what was written before."""
    return settings.REPLICA_LAG_SECONDS + 2
