"""Who enters the console besides staff. An app further left says it of the people with a role in an event."""

from __future__ import annotations

from collections.abc import Callable

from accounts.models import User
from api.errors import ApiError, RateLimited

Enters = Callable[[User], bool]
_ways_in: list[Enters] = []


def let_in(enters: Enters) -> None:
    _ways_in.append(enters)


def may_enter(person: User) -> bool:
    """What somebody may do inside is asked again of every page."""
    if not person.is_active:
        return False
    return person.is_staff or any(enters(person) for enters in _ways_in)


def told(refused: ApiError) -> str:
    """On a page there is no header that says how long to wait."""
    if isinstance(refused, RateLimited):
        return f"Too many attempts. Wait {_in_words(int(refused.headers['Retry-After']))}."
    return refused.detail


def _in_words(seconds: int) -> str:
    for length, name in ((3600, "hours"), (60, "minutes")):
        if seconds > 2 * length:
            return f"{-(-seconds // length)} {name}"
    return f"{seconds} seconds"
