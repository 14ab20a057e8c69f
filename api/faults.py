"""Error reports to a Sentry, where one is set: what is logged as an error, with nothing in it that is personal.

Only what is named here leaves the house: the type of an exception, its frames without their variables, ids and codes.
Its message may quote what somebody wrote, so it stays.
"""

from __future__ import annotations

import logging
from typing import Any

from api import logs

# These say that a call failed, which the fault itself has said before.
SILENT = ("api.requests", "django.request", "celery.redirected")
_FRAME = ("filename", "function", "module", "lineno", "in_app")
_KEPT = ("event_id", "timestamp", "level", "platform", "logger", "environment", "release", "sdk")
_IDS = ("request_id", "origin", "task", "broadcast_id")


def begin(dsn: str, *, environment: str, release: str = "") -> None:
    # Only where it is wanted: it takes a few megabytes in each process.
    import sentry_sdk
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger

    for name in SILENT:
        ignore_logger(name)
    sentry_sdk.init(
        dsn,
        environment=environment,
        release=release or None,
        # Those that are on by themselves look into requests, arguments and environments.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR), DedupeIntegration()],
        before_send=scrubbed,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        server_name="callboard",
        shutdown_timeout=2,
    )


def scrubbed(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """A new one, of what may go."""
    kept = {name: event[name] for name in _KEPT if name in event}
    kept["tags"] = {name: str(value) for name, value in (logs.context.get() or {}).items() if name in _IDS}
    if said := event.get("logentry"):
        # As it stands in the code, without what was put into it.
        kept["logentry"] = {"message": logs.scrubbed(str(said.get("message", "")))}
    if thrown := event.get("exception"):
        kept["exception"] = {"values": [_thrown(one) for one in thrown.get("values", ())]}
        if sqlstate := _sqlstate(hint):
            kept["tags"]["sqlstate"] = sqlstate
    return kept


def _thrown(one: dict[str, Any]) -> dict[str, Any]:
    frames = (one.get("stacktrace") or {}).get("frames", ())
    return {
        "type": one.get("type"),
        "module": one.get("module"),
        "value": "",
        "stacktrace": {"frames": [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]},
    }


def _sqlstate(hint: dict[str, Any]) -> str | None:
    error = (hint.get("exc_info") or (None, None, None))[1]
    return getattr(error, "sqlstate", None) or getattr(getattr(error, "__cause__", None), "sqlstate", None)
