"""What the doctor looks at of texts."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from api.doctor import Finding, fault, good, note, warning
from messaging.sms import signs


def provider() -> Iterator[Finding]:
    name, backend = "CALLBOARD_SMS_BACKEND", settings.SMS_BACKEND
    if backend is None:
        yield warning(name, "none: texts wait", "Set TWILIO_ACCOUNT_SID and its kin, or leave texts out.")
    elif backend == "simulator" and not (settings.DEMO or settings.DEBUG):
        yield warning(name, "simulator: no text reaches a real phone", "Set CALLBOARD_SMS_BACKEND=twilio.")
    else:
        yield good(name, backend)
    if backend == "twilio" and not settings.PUBLIC_URL.startswith("https://"):
        words = "the provider cannot call us back: no text is ever known to have arrived"
        yield fault("callbacks", words, "Set CALLBOARD_PUBLIC_URL to an address that the world reaches.")
    if settings.SMS_QUIET_HOURS is None:
        yield note("CALLBOARD_SMS_QUIET_HOURS", "off: texts go out at night", "Set hours such as 21:00-08:00.")


def unsettled() -> Iterator[Finding]:
    number = signs.unknown()
    if number:
        yield warning("texts", f"of {number} nobody knows what became of them", "See manage.py sms stuck.")
