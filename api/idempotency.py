"""One key, one effect: a POST that is repeated with its Idempotency-Key gets the first answer again.

The key's row and the work commit together, so there is never one without the other. While the first call runs
it holds an advisory lock of its transaction; a killed process leaves nothing behind that would have to expire.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api import answers
from api.database import begun, check, passed, piped
from api.errors import (
    ApiError,
    IdempotencyInProgress,
    IdempotencyMismatch,
    ValidationError,
)
from api.models import KeptAnswer

# Sent together with others in one round trip, which the ORM cannot; by the table's primary key.
_LOCK = "SELECT pg_try_advisory_xact_lock(%s) AS is_held"
_LOOK_UP = (
    "SELECT fingerprint, status, content_type, body FROM api_keptanswer"
    " WHERE digest = %s AND expires_at > statement_timestamp()"
)
_KEEP = (
    "INSERT INTO api_keptanswer (digest, fingerprint, status, content_type, body, expires_at)"
    " VALUES (%s, %s, %s, %s, %s, statement_timestamp() + %s)"
    " ON CONFLICT (digest) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,"
    " content_type = excluded.content_type, body = excluded.body, expires_at = excluded.expires_at"
)

HEADER = "Idempotency-Key"
META = "HTTP_IDEMPOTENCY_KEY"
REPLAYED = "Idempotency-Replayed"


def answered_once(request: HttpRequest, work: Callable[[], HttpResponse]) -> HttpResponse:
    key = _checked_key(request)
    digest = _digest(request, key)
    fingerprint = _fingerprint(request)
    is_own_transaction = not connection.in_atomic_block
    with transaction.atomic():
        if kept := _locked(digest, request.user, begins=is_own_transaction):
            return _replay(kept, fingerprint)
        try:
            response = work()
        except ApiError as error:
            if not error.is_decided:
                raise
            response = answers.problem(request, error)
        _keep(digest, fingerprint, response, commits=is_own_transaction)
        return response


def purge() -> int:
    """Forgets answers whose day is over."""
    removed, _ = KeptAnswer.objects.filter(expires_at__lte=timezone.now()).delete()
    return removed


def _checked_key(request: HttpRequest) -> str:
    key = request.META[META]
    if not 1 <= len(key) <= 255 or not all(" " <= character <= "~" for character in key):
        raise ValidationError([(HEADER, "Give 1 to 255 printable ASCII characters.")])
    return key


def _digest(request: HttpRequest, key: str) -> bytes:
    """Names person, method, path and key; none of them can be read back from the table."""
    parts = (str(request.user.id), request.method, request.get_full_path(), key)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _fingerprint(request: HttpRequest) -> bytes:
    """The body as JSON: the order of members and white space do not count."""
    raw = request.body
    with contextlib.suppress(ValueError, RecursionError):
        raw = json.dumps(json.loads(raw), sort_keys=True).encode()
    return hashlib.sha256(raw).digest()


def _locked(digest: bytes, person: Any, *, begins: bool) -> Any:
    """Holds the key until the transaction ends; the answer that was kept under it, if there is one."""
    # Two statements: what was committed while the lock was held is visible only to one that begins after it.
    ask = begun if begins else piped
    lock_number = int.from_bytes(digest[:8], "big", signed=True)
    *_, (lock,), kept = ask(*check(person), (_LOCK, [lock_number]), (_LOOK_UP, [digest]))
    passed(person)
    if not lock.is_held:
        raise IdempotencyInProgress
    return kept[0] if kept else None


def _replay(kept: Any, fingerprint: bytes) -> HttpResponse:
    if kept.fingerprint != fingerprint:
        raise IdempotencyMismatch
    response = HttpResponse(kept.body, status=kept.status, content_type=kept.content_type)
    if not kept.content_type:
        del response["Content-Type"]
    response[REPLAYED] = "true"
    return response


def _keep(digest: bytes, fingerprint: bytes, response: HttpResponse, *, commits: bool) -> None:
    content_type = response.get("Content-Type", "")
    values = [digest, fingerprint, response.status_code, content_type, response.content, settings.IDEMPOTENCY_LIFETIME]
    # The COMMIT goes along with it; the connection is idle then, and the block's own has nothing left to do.
    piped((_KEEP, values), *([("COMMIT", [])] if commits else []))
