"""Who may do what in an event: tables of data, and one predicate for each rule.

A predicate returns the first reason against it, in the order of the contract, or None. "May I?" and "refuse" both
come from it, at every door: the API, the stream, pages, the admin, texts. `me` and the others are memberships, or
None for a person without one; whoever was removed counts as having none. Whether there is a block, the caller finds
out and says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db.models import TextChoices

from api.errors import PermissionDenied


class Role(TextChoices):
    """In the order in which lists of roles are shown."""

    ATTENDEE = "attendee", "Attendee"
    DEALER = "dealer", "Dealer"
    MVP_DEALER = "mvp_dealer", "MVP dealer"
    ORGANIZER = "organizer", "Organizer"
    MODERATOR = "moderator", "Moderator"


class Member(Protocol):
    role: str
    muted_until: datetime | None
    suspended_until: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """What the rules ask of a membership, where there is no row of one."""

    role: str
    muted_until: datetime | None = None
    suspended_until: datetime | None = None
    removed_at: datetime | None = None


# --- The tables ------------------------------------------------------------------------------

EVERY_ROLE = frozenset(Role.values)

# Who may open a direct or group conversation with whom, and invite them into a group.
MAY_OPEN_WITH: dict[str, frozenset[str]] = {
    Role.ATTENDEE: frozenset({Role.MVP_DEALER}),
    Role.DEALER: frozenset(),
    Role.MVP_DEALER: frozenset({Role.ATTENDEE, Role.DEALER, Role.ORGANIZER}),
    Role.ORGANIZER: EVERY_ROLE,
    Role.MODERATOR: EVERY_ROLE,
}

# They read, and may ask for help; they do not send, reply or offer help.
READ_ONLY_ROLES = frozenset({Role.DEALER})

# Whom a broadcast may name.
MAY_BROADCAST_TO: dict[str, frozenset[str]] = {
    Role.ORGANIZER: EVERY_ROLE,
    Role.MVP_DEALER: frozenset({Role.ATTENDEE}),
}

# Whose broadcast may name no role at all, which is everyone.
MAY_BROADCAST_TO_ALL = frozenset({Role.ORGANIZER})

# In their own event; everywhere staff who may work on cases (`access.moderates_as_staff`).
MAY_MODERATE = frozenset({Role.ORGANIZER, Role.MODERATOR})

# Whose broadcasts they see besides their own: all. In their own event; staff everywhere.
MAY_SEE_BROADCASTS = frozenset({Role.ORGANIZER, Role.MODERATOR})

# Who looks after the members of their own event: brings them in, and changes their roles and tags.
MAY_MANAGE_MEMBERS = frozenset({Role.ORGANIZER})

# Whose help request they may move along besides their own.
MAY_CHANGE_HELP_REQUESTS = frozenset({Role.ORGANIZER, Role.MODERATOR})

SUSPENDED = "suspended"
MUTED = "muted"
NOT_MEMBER = "not_member"
READ_ONLY = "read_only"
ROLE = "role"
OWN_HELP_REQUEST = "own_help_request"
BLOCKED = "blocked"
CONTENT_RULE = "content_rule"
REPORTING_REVOKED = "reporting_revoked"
OWN_DECISION = "own_decision"

# Every reason there is, in the order in which they are looked for, and what a person is told.
REASONS = {
    SUSPENDED: "You are suspended in this event: you can read, but do nothing else.",
    MUTED: "You are muted in this event: you can read, but not write.",
    NOT_MEMBER: "This takes two members of the event, and one of you is none.",
    READ_ONLY: "Dealers read here, but do not write.",
    ROLE: "Your role, or theirs, does not allow it.",
    OWN_HELP_REQUEST: "This is your own help request.",
    BLOCKED: "One of you has blocked the other.",
    CONTENT_RULE: "A rule of this event does not let this text pass.",
    REPORTING_REVOKED: "You can no longer report messages in this event.",
    OWN_DECISION: "This is for somebody else to decide.",
}


# --- The predicates --------------------------------------------------------------------------


def against_acting(me: Member | None, *, now: datetime) -> str | None:
    """Anything but reading, marking as read, blocking, appealing, signing in and out."""
    if is_suspended(me, now=now):
        return SUSPENDED
    return None if is_member(me) else NOT_MEMBER


def against_writing(me: Member | None, *, now: datetime) -> str | None:
    """What all writing needs: starting, sending, typing, offering or asking for help, inviting, broadcasting."""
    if is_suspended(me, now=now):
        return SUSPENDED
    if is_muted(me, now=now):
        return MUTED
    return None if is_member(me) else NOT_MEMBER


def against_opening(
    me: Member | None, others: Iterable[Member | None], *, is_blocked: bool = False, now: datetime
) -> str | None:
    """Opening a direct conversation, or a group with all of these. A dealer is told `role`, not `read_only`."""
    others = list(others)
    if reason := against_writing(me, now=now):
        return reason
    if not all(is_member(other) for other in others):
        return NOT_MEMBER
    if not all(other.role in MAY_OPEN_WITH[me.role] for other in others):
        return ROLE
    return BLOCKED if is_blocked else None


def against_inviting(
    me: Member | None, other: Member | None, *, is_maker: bool, is_blocked: bool = False, now: datetime
) -> str | None:
    """Inviting one more into a group that stands: its maker may, with the right to open one with them."""
    reason = against_opening(me, [other], is_blocked=is_blocked, now=now)
    return ROLE if not is_maker and reason in (None, BLOCKED) else reason


def against_replying(
    me: Member | None, *, partner_is_member: bool = True, is_blocked: bool = False, now: datetime
) -> str | None:
    """Sending, or typing, where I take part. In a group there is no partner, and blocks do not count."""
    if reason := against_writing(me, now=now):
        return reason
    if not partner_is_member:
        return NOT_MEMBER
    if me.role in READ_ONLY_ROLES:
        return READ_ONLY
    return BLOCKED if is_blocked else None


def against_offering_help(
    me: Member | None,
    *,
    is_own: bool = False,
    requester_is_member: bool = True,
    is_blocked: bool = False,
    now: datetime,
) -> str | None:
    if reason := against_replying(me, partner_is_member=requester_is_member, now=now):
        return reason
    if is_own:
        return OWN_HELP_REQUEST
    return BLOCKED if is_blocked else None


def against_asking_for_help(me: Member | None, *, now: datetime) -> str | None:
    """Any member may, a dealer too."""
    return against_writing(me, now=now)


def against_changing_help_request(me: Member | None, *, is_own: bool, now: datetime) -> str | None:
    """Opening and closing is not writing: the muted may."""
    if reason := against_acting(me, now=now):
        return reason
    return None if is_own or me.role in MAY_CHANGE_HELP_REQUESTS else ROLE


def against_broadcasting(me: Member | None, roles: Collection[str], *, now: datetime) -> str | None:
    """A broadcast to these roles; to none of them is to everyone."""
    if reason := against_writing(me, now=now):
        return reason
    if not roles:
        return None if me.role in MAY_BROADCAST_TO_ALL else ROLE
    return None if MAY_BROADCAST_TO.get(me.role, frozenset()).issuperset(roles) else ROLE


def against_cancelling(me: Member | None, *, is_own: bool, is_staff: bool = False, now: datetime) -> str | None:
    """Calling off a broadcast that has not gone out: one's own, which is not writing; or as a moderator."""
    if is_own:
        return against_acting(me, now=now)
    return against_moderating(me, is_staff=is_staff, now=now)


def against_moderating(me: Member | None, *, is_staff: bool = False, now: datetime) -> str | None:
    """Staff stand above the event: a sanction in it does not take moderating from them."""
    if is_staff:
        return None
    if reason := against_acting(me, now=now):
        return reason
    return None if me.role in MAY_MODERATE else ROLE


def against_managing_members(me: Member | None, *, now: datetime) -> str | None:
    if reason := against_acting(me, now=now):
        return reason
    return None if me.role in MAY_MANAGE_MEMBERS else ROLE


# --- What they are made of -------------------------------------------------------------------


def is_member(person: Member | None) -> bool:
    return person is not None and person.removed_at is None


def is_muted(person: Member | None, *, now: datetime) -> bool:
    return person is not None and _is_running(person.muted_until, now)


def is_suspended(person: Member | None, *, now: datetime) -> bool:
    return person is not None and _is_running(person.suspended_until, now)


def refuse(reason: str | None, me: Member | None = None) -> None:
    """Raises the refusal that a predicate gave a reason for; of a sanction it says how long it lasts."""
    if reason is None:
        return
    ends = {SUSPENDED: "suspended_until", MUTED: "muted_until"}
    extras = {"until": getattr(me, ends[reason])} if reason in ends else {}
    raise PermissionDenied(reason, REASONS[reason], **extras)


def _is_running(until: datetime | None, now: datetime) -> bool:
    return until is not None and until > now
