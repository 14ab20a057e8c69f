"""How often a person may call, and how often anyone may try to sign in.

A window opens with the first call and lasts a minute; counting and opening are one step in Redis, so that of
any number of parallel calls exactly the limit passes.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings

from api import redis
from api.errors import RateLimited, ServiceUnavailable

WINDOW_MS = 60_000
DAY_MS = 24 * 60 * 60_000

_COUNT = """
local counted = {}
for i, key in ipairs(KEYS) do
  local n = redis.call('INCR', key)
  local left = redis.call('PTTL', key)
  if left < 0 then
    redis.call('PEXPIRE', key, ARGV[1])
    left = tonumber(ARGV[1])
  end
  counted[#counted + 1] = n
  counted[#counted + 1] = left
end
return counted
"""


class Allowance(NamedTuple):
    limit: int
    used: int
    window_left_ms: int

    @property
    def is_exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def retry_after(self) -> int:
        return max(1, math.ceil(self.window_left_ms / 1000))

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(math.ceil(time.time() + self.window_left_ms / 1000)),
        }


def _count(*keys: str, window_ms: int = WINDOW_MS) -> list[tuple[int, int]]:
    flat = redis.run(_COUNT, [f"limit:{key}" for key in keys], [window_ms])
    return list(zip(flat[::2], flat[1::2], strict=True))


class Debt:
    """A call that is still to be counted: by whoever is about to write for it, along with others, or by the frame.

    It hangs on the person as `debt`.
    """

    __slots__ = ("allowance", "is_open", "person_id")

    def __init__(self, person_id: Any):
        self.person_id = person_id
        self.is_open = True
        self.allowance: Allowance | None = None


def count_call(person_id: Any) -> Allowance | None:
    """Counts one call of this person; None where limits are off or Redis is away (then everything passes)."""
    return count_calls([person_id])[0]


def count_calls(person_ids: Sequence[Any]) -> list[Allowance | None]:
    """In one round trip, in their order; who is there twice has called twice."""
    if settings.RATE_LIMIT is None:
        return [None] * len(person_ids)
    try:
        counted = _count(*(f"person:{person_id}" for person_id in person_ids))
    except redis.RedisAway:
        return [None] * len(person_ids)
    return [Allowance(settings.RATE_LIMIT, used, left) for used, left in counted]


def refuse_beyond(allowance: Allowance | None) -> None:
    if allowance and allowance.is_exceeded:
        raise RateLimited(allowance.retry_after)


def owed(person: Any) -> Debt | None:
    return getattr(person, "debt", None)


def settle(person: Any) -> None:
    """Before anything is done for this person: counts the call where that is owed, and refuses it beyond the limit."""
    if debt := owed(person):
        settle_together([debt])
        refuse_beyond(debt.allowance)


def settle_together(debts: Sequence[Debt | None]) -> list[bool]:
    """Counts the calls that have not been yet; for each, also where nothing is owed, whether it may be done."""
    still_open = [debt for debt in debts if debt and debt.is_open]
    if still_open:
        allowances = count_calls([debt.person_id for debt in still_open])
        for debt, allowance in zip(still_open, allowances, strict=True):
            debt.allowance, debt.is_open = allowance, False
    return [not (debt and debt.allowance and debt.allowance.is_exceeded) for debt in debts]


def count_login(account: str, address: str) -> Allowance | None:
    """Counts an attempt for the account and for the address, and refuses where either has had enough.

    Returns what is left for the address: what is left for the account would tell which names belong to one person.
    Without Redis nobody signs in: a guessing machine must not profit from an outage.
    """
    if settings.RATE_LIMIT is None:
        return None
    keys = (f"login-account:{_blurred(account)}", f"login-address:{_blurred(address)}")
    try:
        counted = _count(*keys)
    except redis.RedisAway:
        raise ServiceUnavailable("Signing in is not possible at the moment.", retry_after=5) from None
    limits = (settings.LOGIN_LIMIT_PER_ACCOUNT, settings.LOGIN_LIMIT_PER_ADDRESS)
    allowances = [Allowance(limit, used, left) for limit, (used, left) in zip(limits, counted, strict=True)]
    if exceeded := [allowance for allowance in allowances if allowance.is_exceeded]:
        longest = max(exceeded, key=lambda allowance: allowance.window_left_ms)
        raise RateLimited(longest.retry_after, longest.headers())
    return allowances[1]


def count_code(account: str) -> None:
    """Counts a code of six digits that is tried for an account: by the minute alone, weeks of trying would find one."""
    if settings.RATE_LIMIT is None:
        return
    try:
        [(used, left)] = _count(f"code:{_blurred(account)}", window_ms=DAY_MS)
    except redis.RedisAway:
        raise ServiceUnavailable("Signing in is not possible at the moment.", retry_after=5) from None
    allowance = Allowance(settings.CODE_LIMIT_PER_DAY, used, left)
    if allowance.is_exceeded:
        raise RateLimited(allowance.retry_after, allowance.headers())


def _blurred(identifier: str) -> str:
    """Names and phones stay out of Redis: a keyed hash counts as well."""
    return hmac.new(settings.SECRET_KEY.encode(), identifier.encode(), hashlib.sha256).hexdigest()[:32]
