"""The provider, through its official client: a text handed over, and what it says of texts it has.

A thread keeps a client, and the client its connection. Nothing is repeated in here, and nothing is written to a log:
addresses, exceptions and answers hold phones and texts.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from messaging.sms import callbacks, outcomes
from messaging.sms.outcomes import Outcome

# What the provider takes for ValidityPeriod, in seconds.
SHORTEST, LONGEST = 1, 14_400
# Messages looked through for one phone; beyond them nothing is known.
MOST_LISTED = 1000

_of_thread = threading.local()


class Answer(NamedTuple):
    outcome: Outcome
    sid: str | None = None
    code: int | None = None


class Message(NamedTuple):
    """One that the provider has."""

    sid: str
    body: str
    status: str
    code: int | None
    created_at: datetime | None
    is_from_us: bool


class NotTold(Exception):
    """The provider did not say."""


def send(
    text_id: int,
    attempt: int,
    *,
    to: str,
    body: str,
    valid_until: datetime | None = None,
    request_id: str | None = None,
) -> Answer:
    """One call. Whatever happens in it, this says what is known afterwards."""
    try:
        created = _client().messages.create(
            to=to,
            body=body,
            status_callback=callbacks.address(text_id, attempt, request_id),
            validity_period=_validity(valid_until),
            **_sender(),
        )
        return _answer(created)
    except Exception as error:
        return _failure(error)


def fetch(sid: str) -> Message | None:
    """None where the provider has none of that name."""
    try:
        return _message(_client().messages(sid).fetch())
    except Exception as error:
        if getattr(error, "status", None) == 404:
            return None
        raise NotTold(type(error).__name__) from None


def listed(phone: str, *, since: datetime) -> Iterator[Message]:
    """What it has for a phone since then. By the phone alone: of a text that waits there DateSent is empty."""
    try:
        seen = 0
        for found in _client().messages.stream(to=phone, limit=MOST_LISTED + 1, page_size=100):
            seen += 1
            message = _message(found)
            if message.created_at is None or message.created_at >= since:
                yield message
    except Exception as error:
        raise NotTold(type(error).__name__) from None
    if seen > MOST_LISTED:
        raise NotTold("TooMany")


def forget_client() -> None:
    """For tests that change the address."""
    _of_thread.__dict__.clear()


def _answer(created: Any) -> Answer:
    code = int(created.error_code) if created.error_code else None
    # In the answer to a call it stands for what is to come.
    outcome = outcomes.of_status(str(created.status), code) or outcomes.SENT
    return Answer(outcome, created.sid, code) if created.sid else Answer(outcomes.UNKNOWN)


def _failure(error: Exception) -> Answer:
    status, code = getattr(error, "status", None), getattr(error, "code", None)
    if isinstance(status, int):
        # Where the body held no code, the client repeats the status.
        return Answer(outcomes.of_refusal(status, code), code=code if code != status else None)
    return Answer(outcomes.WAIT if _was_not_connected(error) else outcomes.UNKNOWN)


def _was_not_connected(error: Exception) -> bool:
    """Nothing was sent: only then is it safe to try again."""
    from requests import exceptions
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    if isinstance(error, exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, exceptions.ConnectionError) and error.args else None
    return isinstance(getattr(cause, "reason", cause), NewConnectionError | ConnectTimeoutError)


def _message(found: Any) -> Message:
    return Message(
        found.sid,
        found.body or "",
        str(found.status),
        int(found.error_code) if found.error_code else None,
        found.date_created,
        str(found.direction).startswith("outbound"),
    )


def _sender() -> dict[str, str]:
    if settings.TWILIO_MESSAGING_SERVICE_SID:
        return {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
    return {"from_": settings.TWILIO_FROM}


def _validity(valid_until: datetime | None) -> int | None:
    """The provider gives up on it by then, too."""
    if valid_until is None:
        return None
    left = int((valid_until - timezone.now()) / timedelta(seconds=1))
    return max(SHORTEST, left) if left <= LONGEST else None


def _client() -> Any:
    if not hasattr(_of_thread, "client"):
        _of_thread.client = _made()
    return _of_thread.client


def _made() -> Any:
    """Here, because it takes a tenth of a second and memory that only a worker should spend."""
    from requests import Session, utils
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    base = settings.TWILIO_BASE_URL

    class Silent(TwilioHttpClient):
        def log_request(self, kwargs: dict) -> None:
            pass

        def log_response(self, status_code: int, response: Any) -> None:
            pass

    class AtBase(Client):
        def get_hostname(self, uri: str) -> str:
            return base + urlsplit(uri)._replace(scheme="", netloc="").geturl()

    # The environment's proxies and certificates once, not at every call.
    http = Silent(proxy=utils.get_environ_proxies(base, no_proxy=None))
    http.session = Session()
    http.session.trust_env = False
    http.session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    # Shorter than a lease: nobody takes over what is still under way.
    http.timeout = (min(3, settings.LEASE_SECONDS * 0.2), min(10, settings.LEASE_SECONDS * 0.6))
    return AtBase(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=http)
