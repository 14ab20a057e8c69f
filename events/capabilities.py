"""What a person may do in an event right now: every answer is the one that the rules would give to the deed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from events import rules
from events.access import Seat, moderates_as_staff
from events.rules import Role, Standing

Quota = Callable[[Seat], dict | None]
_quota: Quota | None = None


def register_quota(provider: Quota) -> None:
    """The app that counts broadcasts says what is left of a person's."""
    global _quota
    _quota = provider


def of(seat: Seat, *, now: datetime) -> dict:
    me = seat.membership
    return {
        "role": me and me.role,
        "can_reply": rules.against_replying(me, now=now) is None,
        "can_message_roles": [
            role for role in Role.values if rules.against_opening(me, [Standing(role)], now=now) is None
        ],
        "can_broadcast_roles": [
            role for role in Role.values if rules.against_broadcasting(me, [role], now=now) is None
        ],
        "can_offer_help": rules.against_offering_help(me, now=now) is None,
        "can_moderate": rules.against_moderating(me, is_staff=moderates_as_staff(seat.user), now=now) is None,
        "muted_until": me.muted_until if rules.is_muted(me, now=now) else None,
        "suspended_until": me.suspended_until if rules.is_suspended(me, now=now) else None,
        "broadcast_quota": _quota(seat) if _quota and me and me.role in rules.MAY_BROADCAST_TO else None,
    }
