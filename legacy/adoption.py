"""What comes of starts and sends by each schema, as figures of rollout, by day: how many take the new one, how many
succeed, and with which errors the others end."""

from __future__ import annotations

import time

from django.db import DatabaseError, connection

from api.database import as_owner, in_one_trip
from events.models import HelpRequest
from legacy import bridge
from messaging import versions
from messaging.models import Conversation
from rollout import adoption, figures, names

CODES = (
    "sent",
    "permission_denied",
    "conversation_exists",
    "help_request_unavailable",
    "not_found",
    "validation_error",
    "service_unavailable",
    "server_error",
)
UNKNOWN = "unknown"
# For so long a process goes by what it knows of whether there is a bridge at all; of what has succeeded, the database
# says so in its answer.
LOOK_AGAIN_SECONDS = 5.0

writes = figures.counter(
    "messaging_writes",
    "Starts, offers and sends of two people in the attached event, by schema and by what came of them.",
    {"version": (versions.V1, versions.V2, UNKNOWN), "call": ("start", "send", "offer"), "code": CODES},
    by_day=True,
)
_looked_at, _event_id = 0.0, None


def register() -> None:
    versions.register(count)
    adoption.register(names.MESSAGING_V2, writes, old=versions.V1, new=versions.V2, success="sent")


def count(outcome: versions.Outcome) -> None:
    version = outcome.version or _version(outcome)
    if version:
        writes.add(version=version, call=outcome.call, code=outcome.code)


def _version(outcome: versions.Outcome) -> str | None:
    """The one that would have taken it in; None where no bridge stands there."""
    if connection.needs_rollback:
        return UNKNOWN if _event_id else None
    with as_owner():
        attached = _attached()
        if attached is None or _place(outcome) != attached:
            return None
    try:
        ((row,),) = in_one_trip(outcome.by, ("SELECT messaging_version(%s) AS version", [attached]))
    except DatabaseError:
        return UNKNOWN
    return row.version


def _attached():
    global _looked_at, _event_id
    if time.monotonic() - _looked_at > LOOK_AGAIN_SECONDS:
        _event_id, _looked_at = bridge.attached_event(), time.monotonic()
    return _event_id


def _place(outcome: versions.Outcome):
    if outcome.call == "start":
        return outcome.place
    model = Conversation if outcome.call == "send" else HelpRequest
    return model.objects.filter(id=outcome.place).values_list("event_id", flat=True).first()
