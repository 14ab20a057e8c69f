"""Which schema takes a person's starts and sends in, while an older one is kept in step with this one.

The database decides, at each call (`messaging_detour`); without such an older schema there is nothing but v2. Whoever
keeps count of what comes of them registers a listener.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError

from accounts.models import User
from api.database import Statement, is_out_of_date
from api.errors import ApiError, RateLimited
from rollout import features, names

V1, V2 = "v1", "v2"


class Outcome(NamedTuple):
    # start, send or offer
    call: str
    # None where the call ended before the database had chosen.
    version: str | None
    # `sent`, or the code of the error.
    code: str
    by: User
    # What was addressed: an event, a conversation, a help request.
    place: UUID


Listener = Callable[[Outcome], None]
_listeners: list[Listener] = []


def register(listener: Listener) -> None:
    _listeners.append(listener)


def register_feature() -> None:
    features.register(names.MESSAGING_V2, _uses_v2)


def _uses_v2(event_id: UUID) -> Statement:
    return "SELECT messaging_version(%s) = 'v2' AS is_used", [event_id]


def of(facts: Any) -> str:
    """The way that what was written took, by the answer of the function that wrote it."""
    return V1 if facts.gate == V1 else V2


def told(call: str) -> Callable:
    """A start or send that tells what came of it; nothing is told, nor asked, while only one schema is there."""

    def decorated(function: Callable) -> Callable:
        @wraps(function)
        def calling(place: UUID, *values: Any, by: User, **more: Any) -> Any:
            try:
                return function(place, *values, by=by, **more)
            except RateLimited:
                # It has not begun: it was only counted this late.
                raise
            except ApiError as error:
                tell(call, None, error.code, by, place)
                raise
            except Exception as error:
                # What was remembered of a token is looked up again, and the call made once more.
                if not (isinstance(error, DatabaseError) and is_out_of_date(error)):
                    tell(call, None, "server_error", by, place)
                raise

        return calling

    return decorated


def tell_sent(call: str, facts: Any, by: User, place: UUID) -> None:
    if facts.gate in (V1, V2):
        tell(call, facts.gate, "sent", by, place)


def tell(call: str, version: str | None, code: str, by: User, place: UUID) -> None:
    for listener in _listeners:
        # Who counts does not stand in the way of who is counted.
        with suppress(Exception):
            listener(Outcome(call, version, code, by, place))
