"""What the provider tells of a text: kept as it came, and folded in the same transaction.

The address that it is given for this names the text and the call, signed, so that a callback settles what nobody else
knows: which text a message of the provider's is, also when the call that made it was never answered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from api.database import row_of
from messaging.sms import figures, optouts, outcomes
from messaging.sms.models import Callback
from messaging.sms.outcomes import Outcome

STATUS_PATH = "/api/v1/webhooks/twilio/status"
INBOUND_PATH = "/api/v1/webhooks/twilio/inbound"
PARAMETER = "delivery"
ORIGIN = "request"

_FOLD = "SELECT * FROM messaging_fold_status(%s, %s, %s, %s::smallint, %s::jsonb, %s, %s, %s::integer, %s)"


class Call(NamedTuple):
    """One of our calls to the provider, as its address for callbacks names it."""

    text_id: int
    attempt: int


class Heard(NamedTuple):
    is_news: bool
    is_moved: bool


def address(text_id: int, attempt: int, request_id: str | None = None) -> str:
    """With the id of the call that set the text off, for the log; the provider signs the whole of it."""
    origin = f"&{ORIGIN}={quote(request_id)}" if request_id else ""
    return f"{settings.PUBLIC_URL}{STATUS_PATH}?{PARAMETER}={signed(text_id, attempt)}{origin}"


def signed(text_id: int, attempt: int) -> str:
    name = f"{text_id}.{attempt}"
    return f"{name}.{_signature(name)}"


def named(word: str) -> Call | None:
    """None for what we have not signed."""
    name, _, signature = word.rpartition(".")
    if not name or not constant_time_compare(signature, _signature(name)):
        return None
    text_id, attempt = name.split(".")
    return Call(int(text_id), int(attempt))


def take_in(fields: Mapping[str, str], call: Call | None) -> Heard:
    """A callback whose signature was found to be right. One that was heard before does nothing."""
    status, code = fields.get("MessageStatus", ""), _number(fields.get("ErrorCode"))
    outcome = outcomes.of_status(status, code)
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    values = [
        digest("status", call, fields), sid, *(call or (None, None)), json.dumps(dict(fields)), *_target(outcome), code,
        timedelta(seconds=settings.SMS_SETTLE_SECONDS),
    ]  # fmt: skip
    if outcome and outcome.closes_phone:
        with transaction.atomic():
            found = row_of(_FOLD, values)
            if found.is_news and found.phone:
                # Of an earlier call it is about where that one went.
                optouts.close(fields.get("To") or found.phone, outcome.closes_phone)
    else:
        # One statement is a transaction by itself, in one round trip: thousands come at once.
        found = row_of(_FOLD, values)
    if found.is_moved:
        figures.moved(outcome.state, outcome.reason, code)
    figures.callback(status, is_news=found.is_news)
    return Heard(found.is_news, found.is_moved)


def replay(since) -> dict[str, int]:
    """Folds anew what was kept since then, oldest first; for when folding was wrong. What stands further on stays."""
    counts = {"callbacks": 0, "moved": 0}
    kept = Callback.objects.filter(kind=Callback.Kind.STATUS, received_at__gte=since).order_by("id")
    for callback in kept.iterator(chunk_size=1000):
        counts["callbacks"] += 1
        counts["moved"] += _fold_again(callback)
    return counts


def settle(text_id: int, attempt: int | None, sid: str | None, outcome: Outcome | None, code: int | None, cause: str):
    """Moves a text to what is known of it, if that is further on; whether it moved."""
    values = [text_id, attempt, sid, *_target(outcome), code, cause, timedelta(seconds=settings.SMS_SETTLE_SECONDS)]
    marks = "%s, %s::smallint, %s, %s, %s, %s::integer, %s, %s"
    with transaction.atomic():
        found = row_of(f"SELECT * FROM messaging_settle_text({marks})", values)  # noqa: S608
        if outcome and outcome.closes_phone and found.phone:
            optouts.close(found.phone, outcome.closes_phone)
    if found.is_moved:
        figures.moved(outcome.state, outcome.reason, code)
    return found.is_moved


def digest(kind: str, call: Call | None, fields: Mapping[str, str]) -> bytes:
    said = json.dumps([kind, call, sorted(fields.items())])
    return hashlib.sha256(said.encode()).digest()


def _fold_again(callback: Callback) -> bool:
    code = _number(callback.fields.get("ErrorCode"))
    outcome = outcomes.of_status(callback.fields.get("MessageStatus", ""), code)
    text_id = callback.delivery_id or _text_of(callback.sid)
    return bool(text_id) and settle(text_id, callback.attempt, callback.sid, outcome, code, "replay")


def _text_of(sid: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT delivery_id FROM messaging_text WHERE sid = %s LIMIT 1", [sid])
        found = cursor.fetchone()
    return found and found[0]


def _target(outcome: Outcome | None) -> tuple[str | None, str | None]:
    return (str(outcome.state), outcome.reason) if outcome else (None, None)


def _number(raw: Any) -> int | None:
    return int(raw) if raw and str(raw).isascii() and str(raw).isdigit() and len(str(raw)) <= 9 else None


def _signature(name: str) -> str:
    return salted_hmac("messaging.sms.delivery", name, algorithm="sha256").hexdigest()[:32]
