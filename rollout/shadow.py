"""What would the other read model have answered? Asked beside a share of requests, and offline for a whole event.

Messaging registers how a model is read. A message that v1 has and v2 lacks is a mismatch, unless the member's present
role or tags say why; what only v2 has (catch-up, a gained tag, a delivery still to come) is told, and is none.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from accounts.models import User
from api.database import acting_as
from events.models import Membership
from rollout import measures, wakes
from rollout.models import Comparison, LiveModel

V1, V2 = LiveModel.Name.V1, LiveModel.Name.V2
SHADOW, OFFLINE = Comparison.Origin.SHADOW, Comparison.Origin.OFFLINE
IDS_KEPT = 100
PAGE = 100
MOST_PAGES = 50

# A message's place in the feed: when it was created, and its id.
Place = tuple[datetime, UUID]


class Window(NamedTuple):
    """The newest messages before a place, or the newest of all."""

    limit: int
    before: Place | None = None


# read(model, *, event_id, window, by) -> the places of that page, newest first. It runs inside a transaction that is
# open in this person's name, and in one snapshot with the other model's.
Read = Callable[..., Sequence[Place]]
# explain(*, event_id, ids, by) -> those of these messages that the member's present role or tags keep out of v2.
Explain = Callable[..., Collection[UUID]]

_read: Read | None = None
_explain: Explain | None = None


def register(*, read: Read, explain: Explain) -> None:
    global _read, _explain
    _read, _explain = read, explain


# --- Beside a request ----------------------------------------------------------------------------


def maybe_compare(*, is_sampled: bool, event_id: UUID, by: User, window: Window) -> None:
    """Has both models compared by a worker; `is_sampled` is what the database's `rollout_is_sampled()` drew.

    It takes microseconds, and whatever is wrong with Redis or the broker neither fails the answer nor delays it.
    """
    if is_sampled:
        before = [window.before[0].isoformat(), str(window.before[1])] if window.before else None
        wakes.compare([str(event_id), str(by.id), window.limit, before])


# --- The comparison ------------------------------------------------------------------------------


class Difference(NamedTuple):
    in_both: int
    only_v1: list[UUID]
    only_v2: list[UUID]
    # The last place of which both pages speak; None when both are whole.
    upto: Place | None


class _Answer(NamedTuple):
    places: Sequence[Place]
    ms: float


def compare(event_id: UUID, person_id: UUID, window: Window, *, origin: str = SHADOW) -> Comparison | None:
    """Reads by both models and keeps what differs; None for who is no member now."""
    found = _compared(event_id, person_id, window, origin)
    return found and found[0]


def compare_whole(event_id: UUID, person_id: UUID) -> Iterator[Comparison]:
    """The same, page after page, down to the oldest message or MOST_PAGES."""
    window = Window(PAGE)
    for _ in range(MOST_PAGES):
        found = _compared(event_id, person_id, window, OFFLINE)
        if found is None:
            return
        comparison, upto = found
        yield comparison
        if upto is None:
            return
        window = Window(PAGE, upto)


def difference(v1: Sequence[Place], v2: Sequence[Place], limit: int) -> Difference:
    """Of two pages, as far back as both reach: a full page says nothing about what is older than its last."""
    ends = [page[-1] for page in (v1, v2) if len(page) >= limit]
    upto = max(ends) if ends else None
    first, second = ({place for place in page if upto is None or place >= upto} for page in (v1, v2))
    return Difference(
        len(first & second),
        [message_id for _, message_id in sorted(first - second, reverse=True)],
        [message_id for _, message_id in sorted(second - first, reverse=True)],
        upto,
    )


def _compared(event_id: UUID, person_id: UUID, window: Window, origin: str) -> tuple[Comparison, Place | None] | None:
    if _read is None:
        raise RuntimeError("nobody registered how a read model is read")
    members = Membership.objects.current().select_related("user")
    member = members.filter(event_id=event_id, user_id=person_id).first()
    if member is None:
        return None
    with _one_snapshot(), acting_as(member.user):
        answers = _answers(event_id, window, member.user)
        found = difference(answers[V1].places, answers[V2].places, window.limit)
        explained = _explained(event_id, found.only_v1, member.user)
    _count(found, explained)
    mismatched = [message_id for message_id in found.only_v1 if message_id not in explained]
    expected = [message_id for message_id in found.only_v1 if message_id in explained]
    return (
        Comparison.objects.create(
            origin=origin,
            event_id=event_id,
            person_id=person_id,
            role=member.role,
            in_both=found.in_both,
            mismatches=len(mismatched),
            explained=len(expected),
            only_v2=len(found.only_v2),
            mismatch_ids=mismatched[:IDS_KEPT],
            explained_ids=expected[:IDS_KEPT],
            only_v2_ids=found.only_v2[:IDS_KEPT],
            v1_ms=answers[V1].ms,
            v2_ms=answers[V2].ms,
        ),
        found.upto,
    )


def _count(found: Difference, explained: set[UUID]) -> None:
    measures.compared.add(found.in_both, found="in_both")
    measures.compared.add(len(found.only_v1) - len(explained), found="mismatch")
    measures.compared.add(len(explained), found="explained")
    measures.compared.add(len(found.only_v2), found="only_v2")


def _answers(event_id: UUID, window: Window, person: User) -> dict[str, _Answer]:
    # Whichever comes second finds the pages warm: by turns, so that neither looks faster for it.
    order = random.sample([V1, V2], 2)
    return {model: _timed(model, event_id, window, person) for model in order}


def _timed(model: str, event_id: UUID, window: Window, person: User) -> _Answer:
    began = time.perf_counter()
    places = _read(model, event_id=event_id, window=window, by=person)
    return _Answer([(moment, UUID(str(message_id))) for moment, message_id in places], _ms_since(began))


def _explained(event_id: UUID, ids: list[UUID], person: User) -> set[UUID]:
    if not ids:
        return set()
    return {UUID(str(found)) for found in _explain(event_id=event_id, ids=ids, by=person)} & set(ids)


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Both models see the same rows, so that what arrives between the two is no difference."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


# --- A whole event -------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What the comparison found for one kind of member."""

    kind: str
    members: int
    in_both: int
    mismatches: int
    explained: int
    only_v2: int
    v1_ms: float
    v2_ms: float


def compare_members(event_id: UUID, *, sample: int, announce: Callable[[int, int], None] | None = None) -> list[Kind]:
    """So many members of each kind, all their pages; `announce(done, of)` after each member."""
    chosen = _members_of_each_kind(event_id, sample)
    found: dict[str, list[list[Comparison]]] = {}
    for done, (kind, person_id) in enumerate(chosen, 1):
        found.setdefault(kind, []).append(list(compare_whole(event_id, person_id)))
        if announce:
            announce(done, len(chosen))
    return [_summed(kind, walks) for kind, walks in sorted(found.items())]


def _members_of_each_kind(event_id: UUID, sample: int) -> list[tuple[str, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(
            # A window function over a computed kind; an event's members are read once, by membership_event_created_at.
            "SELECT kind, user_id FROM ("
            "   SELECT kind, user_id, row_number() OVER (PARTITION BY kind ORDER BY random()) AS place FROM ("
            "     SELECT user_id, role || CASE WHEN tags = '{}' THEN '' ELSE ' with tags' END AS kind"
            "     FROM events_membership WHERE event_id = %s AND removed_at IS NULL) AS members"
            " ) AS drawn WHERE place <= %s ORDER BY kind, user_id",
            [event_id, sample],
        )
        return cursor.fetchall()


def _summed(kind: str, walks: list[list[Comparison]]) -> Kind:
    pages = [page for walk in walks for page in walk]

    def total(field: str) -> float:
        return sum(getattr(page, field) for page in pages)

    times = [round(total(field) / max(len(pages), 1), 3) for field in ("v1_ms", "v2_ms")]
    counts = [total(field) for field in ("in_both", "mismatches", "explained", "only_v2")]
    return Kind(kind, len(walks), *counts, *times)
