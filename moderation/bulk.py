"""Several cases at once: each is asked for, checked and decided by itself, and says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from accounts.models import User
from api.errors import ApiError
from api.fields import parse_id
from moderation import access, cases, decisions
from moderation.models import Case

MOST = 100


class Deed(NamedTuple):
    label: str
    # What follows, in the words of the page that asks once more.
    says: str
    do: Callable[[access.FoundCase, int, User], object]


class Picked(NamedTuple):
    case_id: UUID
    # As it stood in the list: what has moved since is left alone.
    version: int


class Result(NamedTuple):
    case: Case | None
    is_done: bool
    says: str


def _decide(decision: str, *actions: str) -> Callable:
    def do(found: access.FoundCase, version: int, by: User) -> Case:
        wanted = [{"type": action} for action in actions]
        return decisions.decide(found, decision=decision, actions=wanted, version=version, by=by)

    return do


DEEDS = {
    "claim": Deed("Claim", "They are yours to decide.", lambda found, version, by: cases.claim(found, by=by)),
    "hand_back": Deed(
        "Hand back", "They go back into the queue.", lambda found, version, by: cases.hand_back(found, by=by)
    ),
    "dismiss": Deed(
        "Dismiss",
        "Nothing happens to the messages or their senders. Who reported them sees “dismissed”.",
        _decide("dismissed"),
    ),
    "remove": Deed(
        "Remove the messages",
        "Everybody, the senders too, sees “This message was removed by a moderator.” in their place. Who reported them"
        " sees “actioned”. Each can be put back on its page.",
        _decide("actioned", "remove_message"),
    ),
}
# Nobody is asked twice for what is undone by a click.
AT_ONCE = ("claim", "hand_back")


def picked(given: list[str]) -> list[Picked]:
    found = []
    for one in given[:MOST]:
        case_id, _, version = one.partition(":")
        if (known := parse_id(case_id)) and version.isascii() and version.isdigit() and len(version) < 10:
            found.append(Picked(known, int(version)))
    return found


def do(name: str, picks: list[Picked], *, by: User) -> list[Result]:
    """Each in a transaction of its own: one that is refused keeps nothing from the others."""
    return [_one(DEEDS[name], pick, by) for pick in picks]


def _one(deed: Deed, pick: Picked, by: User) -> Result:
    case = Case.objects.select_related("sender", "claimed_by", "decided_by").filter(id=pick.case_id).first()
    try:
        deed.do(access.find_case(pick.case_id, by=by), pick.version, by)
    except ApiError as refused:
        return Result(case, False, _why(refused, pick, by))
    return Result(case, True, "Done")


def _why(refused: ApiError, pick: Picked, by: User) -> str:
    if refused.code != "invalid_state":
        return "Not found, or not yours."
    now = Case.objects.select_related("claimed_by", "decided_by").get(id=pick.case_id)
    if now.decided_by:
        return f"{now.decided_by.name} has decided it ({now.decision})."
    if now.claimed_by and now.claimed_by != by:
        return f"{now.claimed_by.name} has claimed it."
    return "It has changed since the list was shown."
