"""What was said, read, deleted and held, who is there and who may reply, in plain Python: a list to count in.

It knows of no marker in a database, no policy and no clock but the number of the step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ROLES = ("attendee", "dealer", "mvp_dealer", "organizer", "moderator")
MAY_OPEN = {
    "attendee": {"mvp_dealer"},
    "dealer": set(),
    "mvp_dealer": {"attendee", "dealer", "organizer"},
    "organizer": set(ROLES),
    "moderator": set(ROLES),
}


@dataclass(eq=False)
class Said:
    id: object
    sender: str
    step: int
    content: str
    deleted_by: str | None = None
    is_held: bool = False

    def as_shown(self) -> tuple:
        texts = {"moderator": "This message was removed by a moderator.", "sender": "This message was deleted."}
        return self.id, texts.get(self.deleted_by, self.content), self.deleted_by is not None, self.is_held


@dataclass
class Member:
    role: str
    since: int = 0
    is_here: bool = True
    is_muted: bool = False
    is_suspended: bool = False


@dataclass
class Seat:
    since: int
    read: Said | None = None


@dataclass
class Talk:
    id: object
    kind: str
    maker: str
    # In the order in which they came.
    seats: dict[str, Seat]
    said: list[Said]
    pair: frozenset = frozenset()
    active: int = 0


@dataclass
class Model:
    members: dict[str, Member] = field(default_factory=lambda: {role: Member(role) for role in ROLES})
    talks: list[Talk] = field(default_factory=list)
    blocks: set[tuple[str, str]] = field(default_factory=set)

    def is_blocked(self, one: str, other: str) -> bool:
        return bool({(one, other), (other, one)} & self.blocks)

    def no_writing(self, who: str) -> str | None:
        me = self.members[who]
        if me.is_suspended:
            return "suspended"
        if me.is_muted:
            return "muted"
        return None if me.is_here else "not_member"

    def no_reply(self, talk: Talk, who: str) -> str | None:
        partners = talk.pair - {who}
        return self.no_writing(who) or self.no_word_to(who, partners)

    def no_word_to(self, who: str, partners) -> str | None:
        if not all(self.members[other].is_here for other in partners):
            return "not_member"
        if self.members[who].role == "dealer":
            return "read_only"
        return "blocked" if any(self.is_blocked(who, other) for other in partners) else None

    def no_opening(self, who: str, others) -> str | None:
        if reason := self.no_writing(who):
            return reason
        if not all(self.members[other].is_here for other in others):
            return "not_member"
        if not all(self.members[other].role in MAY_OPEN[self.members[who].role] for other in others):
            return "role"
        return "blocked" if any(self.is_blocked(who, other) for other in others) else None

    def no_invitation(self, talk: Talk, who: str, other: str) -> str | None:
        if who not in talk.seats:
            return "not_found"
        is_group, is_maker = talk.kind == "group", talk.maker == who
        if is_group and is_maker and other in talk.seats:
            return self.no_writing(who)
        reason = self.no_opening(who, [other])
        if not is_maker and reason in (None, "blocked"):
            return "role"
        return reason or (None if is_group else "invalid_state")

    def no_taking_out(self, talk: Talk, who: str, other: str) -> str | None:
        if who not in talk.seats or other not in talk.seats:
            return "not_found"
        if self.members[who].is_suspended:
            return "suspended"
        if who != other and not self.members[who].is_here:
            return "not_member"
        if who not in (other, talk.maker):
            return "role"
        return None if talk.kind == "group" else "invalid_state"

    def seen(self, talk: Talk, who: str) -> list[Said]:
        """Newest first."""
        return [one for one in reversed(talk.said) if not one.is_held or one.sender == who]

    def up_to(self, talk: Talk, message: Said | None) -> list[Said]:
        """Newest first."""
        return [one for one in reversed(talk.said) if message and one.step <= message.step]

    def marker(self, talk: Talk, seat: Seat, who: str) -> str | None:
        """As this person is shown it: up to what they may know of, as one may be held after it was read."""
        known = (one for one in self.up_to(talk, seat.read) if not one.is_held or one.sender == who)
        return next((str(one.id) for one in known), None)

    def unread(self, talk: Talk, who: str) -> int:
        seat = talk.seats[who]
        since = max(seat.since, self.members[who].since)
        read = seat.read.step if seat.read else 0
        return sum(
            one.sender != who and not one.deleted_by and not one.is_held and one.step >= since and one.step > read
            for one in talk.said
        )

    def listed(self, who: str) -> list[tuple]:
        mine = sorted((talk for talk in self.talks if who in talk.seats), key=lambda talk: -talk.active)
        return [
            (
                talk.id,
                self.unread(talk, who),
                self.no_reply(talk, who),
                next((one.as_shown() for one in self.seen(talk, who)), None),
                [(name, self.members[name].role, self.marker(talk, seat, who)) for name, seat in talk.seats.items()],
            )
            for talk in mine
        ]
