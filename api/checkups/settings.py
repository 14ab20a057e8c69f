"""Settings that are missing, weak, or for developers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.conf import settings

from api.doctor import Finding, fault, note, unless, warning

SHORTEST_KEY, LEAST_CHARACTERS = 32, 12
# What examples and tutorials write; a random key holds none of them.
_WELL_KNOWN = re.compile(r"change.?me|secret.?key|insecure|example|default|password|django", re.IGNORECASE)


def keys() -> Iterator[Finding]:
    yield unless(
        not settings.DEBUG,
        fault("DEBUG", "on: faults show code and settings to everybody", "Take DEBUG out of the environment."),
        "off",
    )
    key = settings.SECRET_KEY
    is_strong = len(key) >= SHORTEST_KEY and len(set(key)) >= LEAST_CHARACTERS and not _WELL_KNOWN.search(key)
    yield unless(
        is_strong,
        fault(
            "SECRET_KEY",
            "short, repetitive or one that others know: whoever has it signs in as anybody",
            "Set 50 random characters; name the old key in SECRET_KEY_FALLBACKS until sessions have moved.",
        ),
        f"{len(key)} characters",
    )
    if settings.SECRET_KEY_FALLBACKS:
        yield note("SECRET_KEY_FALLBACKS", "an old key still counts", "Take it away when its sessions are over.")
    yield unless(
        not settings.DEMO,
        warning("CALLBOARD_DEMO", "on: the front page shows sign-ins", "Take it out of the environment."),
        "off",
    )


def is_of_this_machine() -> bool:
    return re.match(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:|/|\Z)", settings.PUBLIC_URL) is not None


def addresses() -> Iterator[Finding]:
    is_safe = settings.PUBLIC_URL.startswith("https://")
    if is_of_this_machine() and not is_safe:
        yield note("CALLBOARD_PUBLIC_URL", f"{settings.PUBLIC_URL}: this machine only", "Set it before others come.")
    else:
        words = "no https: passwords and tokens go in the clear, and cookies are not marked as secure"
        yield unless(
            is_safe,
            fault("CALLBOARD_PUBLIC_URL", words, "Put a proxy with a certificate in front, and set the address."),
            settings.PUBLIC_URL,
        )
    yield unless(
        "*" not in settings.ALLOWED_HOSTS,
        fault("ALLOWED_HOSTS", "any name: links in e-mails can be forged", "Name the hosts."),
        ", ".join(settings.ALLOWED_HOSTS),
    )
    if not settings.REAL_IP_HEADER:
        words = "not set: behind a proxy all calls seem to come from it, and share one limit for signing in"
        yield note("CALLBOARD_REAL_IP_HEADER", words, "Set the header in which your proxy names the client.")


def limits() -> Iterator[Finding]:
    remedy = "Take CALLBOARD_RATE_LIMITS out of the environment."
    yield unless(
        settings.RATE_LIMIT is not None,
        fault("CALLBOARD_RATE_LIMITS", "off: passwords can be guessed without end", remedy),
        f"{settings.RATE_LIMIT} calls a minute",
    )
    yield unless(
        not settings.WEBHOOKS_MAY_BE_LOCAL,
        fault(
            "CALLBOARD_LOCAL_WEBHOOKS",
            "on: webhooks reach into the network behind this machine",
            "Take it out of the environment.",
        ),
        "off",
    )


def watching() -> Iterator[Finding]:
    has_mail = not settings.EMAIL_BACKEND.endswith("dummy.EmailBackend")
    for name, people, what in (
        ("CALLBOARD_OPERATOR_EMAILS", settings.OPERATOR_EMAILS, "alarms"),
        ("CALLBOARD_MODERATOR_EMAILS", settings.MODERATOR_EMAILS, "cases"),
    ):
        words = f"{len(people)} hear of {what}"
        if people and not has_mail:
            yield warning(name, f"{words}, and there is no server to send by", "Set CALLBOARD_EMAIL_URL.")
        else:
            nobody = note(name, f"nobody hears of {what} by e-mail", "Name somebody, or set up a webhook.")
            yield unless(bool(people), nobody, words)
    is_open = bool(settings.METRICS_TOKEN or settings.METRICS_FROM)
    closed = note("/metrics", "closed to all", "Set CALLBOARD_METRICS_TOKEN to watch by Prometheus.")
    yield unless(is_open, closed, "open to whom it is set for")
    silent = note("CALLBOARD_SENTRY_DSN", "faults stand in the logs alone", "Set it to have them reported.")
    yield unless(bool(settings.SENTRY_DSN), silent, "faults are reported")
