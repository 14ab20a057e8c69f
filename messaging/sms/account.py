"""The account at the simulated provider: both sides know it without being told, and it is another in each home."""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple


class Account(NamedTuple):
    sid: str
    auth_token: str


def simulated_account(secret_key: str) -> Account:
    sid = "AC" + _part(secret_key, b"callboard simulator sid")
    return Account(sid, _part(secret_key, b"callboard simulator token"))


def _part(secret_key: str, message: bytes) -> str:
    return hmac.new(secret_key.encode(), message, hashlib.sha256).hexdigest()[:32]
