"""Where a broadcast stands, and the one way in which it moves on."""

from __future__ import annotations

from typing import Any

from api.errors import InvalidState
from broadcasts import figures
from broadcasts.models import Broadcast
from events.models import CHECK_EVENT

Status = Broadcast.Status

# Each step, from where to where; anything else is `invalid_state`. docs/broadcasts-states.svg is made from it.
TRANSITIONS: dict[str, dict[str, str]] = {
    "publish": {Status.SCHEDULED: Status.PUBLISHING},
    "finish": {Status.PUBLISHING: Status.PUBLISHED},
    "cancel": {Status.SCHEDULED: Status.CANCELLED},
    "expire": {Status.SCHEDULED: Status.EXPIRED},
    "fail": {Status.SCHEDULED: Status.FAILED, Status.PUBLISHING: Status.FAILED},
}

# A new one is made in either: for later, or at once.
BEGINNINGS = (Status.SCHEDULED, Status.PUBLISHING)


def move(broadcast: Broadcast, step: str, **values: Any) -> None:
    """From where it was seen; of two who move it at once, the slower is told."""
    before = broadcast.status
    if before not in TRANSITIONS[step]:
        raise InvalidState(str(before))
    values["status"] = TRANSITIONS[step][before]
    if not Broadcast.objects.filter(id=broadcast.id, status=before).update(**values):
        raise InvalidState(Broadcast.objects.values_list("status", flat=True).get(id=broadcast.id))
    if broadcast.event_id != CHECK_EVENT:
        figures.moves.add(status=str(values["status"]))
    for name, value in values.items():
        setattr(broadcast, name, value)
