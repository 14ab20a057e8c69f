"""How many broadcasts a person has left in an event.

Used ones are counted from the last 02:00 UTC on. Whoever takes or looks compares times, so a new day begins for them
at its hour even where the nightly job is late; the job brings the rows up to date. A reset raises a row's period, by
which a refund finds out whether one has come in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from math import ceil
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from uuid_utils.compat import uuid7

from api.database import as_owner
from api.errors import QuotaExceeded
from api.periodic import alone
from broadcasts import figures
from broadcasts.models import Broadcast, Phase, Quota
from broadcasts.sql import statement
from events.access import Seat
from events.models import Event, Membership

RESET_AT = time(2, tzinfo=UTC)
# Of roles without one in the settings.
NONE_AT_ALL = (0, 0)


class Taken(NamedTuple):
    phase: str
    period: int
    # Whether it was the last one.
    is_last: bool


def take(event: Event, role: str, *, user_id: UUID, now: datetime) -> Taken:
    """One in the phase that the event is in now, in the caller's transaction; raises QuotaExceeded."""
    phase = phase_of(event, now)
    allowed = allowed_to(role)[phase]
    values = {
        "id": uuid7(),
        "event_id": event.id,
        "user_id": user_id,
        "phase": phase,
        "allowed": allowed,
        "now": now,
        "reset_at": last_reset(now),
    }
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement("take"), values)
        if not (row := cursor.fetchone()):
            figures.units.add(role=role, phase=phase, outcome="refused")
            wait = ceil((next_reset(now) - now).total_seconds())
            raise QuotaExceeded(of(event, role, user_id=user_id, now=now), wait)
    used, period = row
    figures.units.add(role=role, phase=phase, outcome="taken")
    return Taken(phase, period, used == allowed)


def refund(broadcast: Broadcast) -> None:
    """Gives back what it took, unless a reset has done so already."""
    given_back = Quota.objects.filter(
        event_id=broadcast.event_id,
        user_id=broadcast.sender_id,
        phase=broadcast.quota_phase,
        period=broadcast.quota_period,
        used__gt=0,
    ).update(used=F("used") - 1)
    if given_back:
        figures.units.add(role=_role_of(broadcast), phase=broadcast.quota_phase, outcome="refunded")


def _role_of(broadcast: Broadcast) -> str:
    """As it is now; of somebody who is no member any more, none that has a quota."""
    role = Membership.objects.filter(event_id=broadcast.event_id, user_id=broadcast.sender_id).values_list("role")
    return next((found for (found,) in role[:1]), "other")


def reset_nightly(*, now: datetime | None = None) -> int:
    """What was used before the last 02:00 UTC counts no more; how many rows changed. Again, it finds none."""
    now = now or timezone.now()
    with alone("quotas.reset") as is_mine:
        return _reset(Quota.objects.filter(counted_since__lt=last_reset(now)), now) if is_mine else 0


@transaction.atomic
def reset_by_hand(*, now: datetime | None = None) -> int:
    """Everybody begins anew at this moment; how many rows changed."""
    return _reset(Quota.objects.all(), now or timezone.now())


def _reset(rows, now: datetime) -> int:
    return rows.filter(used__gt=0).update(used=0, period=F("period") + 1, counted_since=now)


# --- What is left ----------------------------------------------------------------------------


def of(event: Event, role: str | None, *, user_id: UUID, now: datetime) -> dict:
    with as_owner():
        found = list(Quota.objects.filter(event=event, user_id=user_id))
    return shape(event, role, found, now=now)


def of_seat(seat: Seat) -> dict:
    """What GET /events/{id}/broadcast-quota and `capabilities` show of a person."""
    role = seat.membership.role if seat.membership else None
    return of(seat.event, role, user_id=seat.user.id, now=timezone.now())


def of_senders(event: Event, senders: Iterable[UUID], *, now: datetime) -> dict[UUID, dict | None]:
    """Each sender's; None where their role takes no quota any more. Two queries for all."""
    people = set(senders)
    rows: dict[UUID, list[Quota]] = {user_id: [] for user_id in people}
    for row in Quota.objects.filter(event=event, user_id__in=people):
        rows[row.user_id].append(row)
    roles = dict(Membership.objects.filter(event=event, user_id__in=people).values_list("user_id", "role"))
    return {
        user_id: shape(event, roles[user_id], found, now=now) if has_one(roles.get(user_id)) else None
        for user_id, found in rows.items()
    }


def after_one_more(quota: dict) -> dict:
    """The same after a broadcast now; where none is left it stays as it is."""
    phase = quota[quota["phase"]]
    if phase["remaining"] == 0:
        return quota
    left = None if phase["remaining"] is None else phase["remaining"] - 1
    return {**quota, quota["phase"]: {**phase, "used": phase["used"] + 1, "remaining": left}}


def shape(event: Event, role: str | None, rows: Iterable[Quota], *, now: datetime) -> dict:
    used = {row.phase: row.used for row in rows if row.counted_since >= last_reset(now)}
    phases = {
        phase: {
            "limit": allowed,
            "used": used.get(phase, 0),
            "remaining": None if allowed is None else max(allowed - used.get(phase, 0), 0),
        }
        for phase, allowed in allowed_to(role).items()
    }
    return {"phase": phase_of(event, now), **phases, "resets_at": next_reset(now)}


def has_one(role: str | None) -> bool:
    return role in settings.BROADCAST_QUOTAS


def allowed_to(role: str | None) -> dict[str, int | None]:
    """By phase; None is as many as wanted."""
    before, after = settings.BROADCAST_QUOTAS.get(role, NONE_AT_ALL)
    return {Phase.PRE_EVENT.value: before, Phase.POST_EVENT.value: after}


def phase_of(event: Event, now: datetime) -> str:
    return (Phase.PRE_EVENT if now < event.starts_at else Phase.POST_EVENT).value


def last_reset(now: datetime) -> datetime:
    """The last 02:00 UTC, which knows no summer time."""
    today = datetime.combine(now.astimezone(UTC).date(), RESET_AT)
    return today if today <= now else today - timedelta(days=1)


def next_reset(now: datetime) -> datetime:
    return last_reset(now) + timedelta(days=1)
