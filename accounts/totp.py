"""Codes of six digits that change every thirty seconds (RFC 6238), as authenticators show them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote, urlencode

SECONDS, DIGITS, KEY_BYTES = 30, 6, 20
# Clocks differ: the code before and the one after are taken as well.
DRIFT = 1


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def step_at(moment: float) -> int:
    return int(moment // SECONDS)


def code(key: bytes, step: int) -> str:
    digest = hmac.digest(key, struct.pack(">Q", step), hashlib.sha1)
    start = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[start : start + 4])
    return str((number & 0x7FFFFFFF) % 10**DIGITS).zfill(DIGITS)


def step_of(given: str, key: bytes, *, now: float, after: int) -> int | None:
    """Of which thirty seconds this is the code, later than `after`; all are compared, whichever fits."""
    steps = range(step_at(now) - DRIFT, step_at(now) + DRIFT + 1)
    fitting = [step for step in steps if hmac.compare_digest(code(key, step).encode(), given.encode())]
    return next((step for step in fitting if step > after), None)


def shown(key: bytes) -> str:
    """To be typed where no camera is at hand."""
    plain = base64.b32encode(key).decode()
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def address(key: bytes, *, account: str, issuer: str) -> str:
    """What the QR code holds."""
    values = {"secret": base64.b32encode(key).decode(), "issuer": issuer, "digits": DIGITS, "period": SECONDS}
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{urlencode(values, quote_via=quote)}"
