"""People, conversations and messages drawn from one seed, as the rules allow them. Nothing here touches a database."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID

from events.rules import EVERY_ROLE, MAY_OPEN_WITH, READ_ONLY_ROLES, Role

SPAN = timedelta(days=30)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FEWEST_PEOPLE = 20

# Of every twenty people, in the order of their numbers.
ROLES = (Role.ORGANIZER, Role.MODERATOR, *(Role.MVP_DEALER,) * 3, *(Role.DEALER,) * 2, *(Role.ATTENDEE,) * 13)
TAGS = ("cards", "comics", "games", "late-night", "parking")
WORDS = [
    "the",
    "table",
    "by",
    "hall",
    "four",
    "has",
    "two",
    "left",
    "and",
    "they",
    "open",
    "at",
    "nine",
    "who",
    "brings",
    "a",
    "spare",
    "badge",
    "for",
    "Zoë",
    "thanks",
    "again",
    "see",
    "you",
    "there",
    "is",
    "anyone",
    "near",
    "gate",
    "B",
    "can",
    "trade",
    "one",
    "foil",
    "for",
    "three",
    "commons",
    "sold",
    "out",
    "already",
    "☕",
    "later",
    "maybe",
    "grüße",
    "👍",
]
TEXTS = 997
SHARE_DELETED = 0.005


class NotPossible(Exception):
    """What the operator reads: one line that says why these numbers make no batch."""


@dataclass(frozen=True)
class Sizes:
    users: int
    conversations: int
    messages: int
    broadcasts: int

    def check(self) -> None:
        if self.users < FEWEST_PEOPLE:
            raise NotPossible(f"--users {self.users} is too few: {FEWEST_PEOPLE} make an event with every role")
        if self.conversations < 1 or self.broadcasts < 0:
            raise NotPossible("--conversations is at least 1, --broadcasts at least 0")
        if self.messages < self.conversations:
            raise NotPossible(f"--messages {self.messages} is too few: every conversation has a first message")

    def __str__(self) -> str:
        return (
            f"{self.users:,} people, {self.conversations:,} conversations, {self.messages:,} messages in them,"
            f" {self.broadcasts:,} to the event"
        )


@dataclass
class Person:
    id: UUID
    number: int
    role: str
    tags: list[str]
    joined_us: int


@dataclass
class Talk:
    """A conversation, and how far it has got while its messages are drawn."""

    kind: str
    maker: Person
    people: list[Person]
    id: UUID | None = None
    help_request_id: UUID | None = None
    begun_us: int = 0
    said: int = 0
    last: tuple[UUID, int] | None = None
    # Whose marker stands at the how manieth message; who is in none of them has read nothing.
    readers: dict[int, list[Person]] = field(default_factory=dict)
    markers: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)

    def __post_init__(self):
        self.writers = [person for person in self.people if person.role not in READ_ONLY_ROLES]


class Invention:
    """The order in which things are drawn is part of what a seed means: people, talks, turns, then messages."""

    def __init__(self, sizes: Sizes, *, seed: int, until: datetime):
        sizes.check()
        self.sizes = sizes
        self.random = random.Random(f"callboard {seed}")  # noqa: S311
        self.until_us = (until - EPOCH) // MICROSECOND
        self.begin_us = (until - SPAN - EPOCH) // MICROSECOND
        self.step_us = (self.until_us - self.begin_us) // sizes.messages
        self.event_id = self.id_at(self.begin_us - 10 * 86_400 * 1_000_000)
        self.people = [self._person(number) for number in range(sizes.users)]
        self.talks = list(self._talks())
        self._turns = self._drawn_turns()

    def id_at(self, moment_us: int) -> UUID:
        """A UUIDv7 of that moment, to the microsecond."""
        milliseconds, rest = divmod(moment_us, 1000)
        low = 0x8 << 60 | self.random.getrandbits(62)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | (rest * 4096 // 1000) << 64 | low)

    def _person(self, number: int) -> Person:
        joined_us = self.begin_us - (self.sizes.users - number) * 1_000_000
        tags = sorted(self.random.sample(TAGS, self.random.choice((0, 1, 1, 2))))
        return Person(self.id_at(joined_us), number + 1, ROLES[number % len(ROLES)], tags, joined_us)

    # --- Conversations ------------------------------------------------------------------------

    def _talks(self) -> Iterator[Talk]:
        """Nine in ten direct, the rest half groups and half offers of help."""
        direct = self._direct_talks()
        hosts = [person for person in self.people if MAY_OPEN_WITH[person.role] == EVERY_ROLE]
        helpers = [person for person in self.people if person.role not in READ_ONLY_ROLES]
        for number in range(self.sizes.conversations):
            if number % 20 == 18:
                maker = self.random.choice(hosts)
                others = self.random.sample(self.people, self.random.randint(3, 8))
                yield Talk("group", maker, [maker, *(person for person in others if person is not maker)])
            elif number % 20 == 19:
                maker = self.random.choice(helpers)
                yield Talk("help", maker, [maker, self._other_than(maker, self.people)])
            else:
                yield next(direct)

    def _direct_talks(self) -> Iterator[Talk]:
        makers = [person for person in self.people if MAY_OPEN_WITH[person.role]]
        partners = {
            role: [person for person in self.people if person.role in others] for role, others in MAY_OPEN_WITH.items()
        }
        pairs: set[frozenset[int]] = set()
        while True:
            maker, other = self._new_pair(makers, partners, pairs)
            pairs.add(frozenset((maker.number, other.number)))
            yield Talk("direct", maker, [maker, other])

    def _new_pair(self, makers: list[Person], partners: dict[str, list[Person]], pairs: set) -> tuple[Person, Person]:
        for _ in range(200):
            maker = self.random.choice(makers)
            other = self._other_than(maker, partners[maker.role])
            if frozenset((maker.number, other.number)) not in pairs:
                return maker, other
        raise NotPossible(f"--users {self.sizes.users} is too few: not so many pairs of them may talk with each other")

    def _other_than(self, person: Person, people: Sequence[Person]) -> Person:
        while (other := self.random.choice(people)) is person:
            pass
        return other

    # --- Messages -----------------------------------------------------------------------------

    def _drawn_turns(self) -> list[Talk]:
        """Which conversation each message is in: each at least once, a few very often."""
        liveliness = list(accumulate(self.random.paretovariate(1.5) for _ in self.talks))
        more = self.random.choices(self.talks, cum_weights=liveliness, k=self.sizes.messages - len(self.talks))
        turns = [*self.talks, *more]
        self.random.shuffle(turns)
        for number, talk in enumerate(turns):
            if talk.id is None:
                self._begin(talk, self.begin_us + number * self.step_us)
            talk.said += 1
        for talk in self.talks:
            self._plan_reading(talk)
            talk.said = 0
        return turns

    def _begin(self, talk: Talk, moment_us: int) -> None:
        talk.id, talk.begun_us = self.id_at(moment_us), moment_us
        if talk.kind == "help":
            talk.help_request_id = self.id_at(moment_us)

    def _plan_reading(self, talk: Talk) -> None:
        """Seven in ten have read everything, two up to somewhere, one nothing."""
        for person in talk.people:
            share = self.random.random()
            if share < 0.9:
                upto = talk.said if share < 0.7 else self.random.randint(1, talk.said)
                talk.readers.setdefault(upto, []).append(person)

    def messages(self) -> Iterator[tuple]:
        """(id, conversation, sender, text, moment, moment of deletion or None), in the order of their moments."""
        texts = [self.text() for _ in range(TEXTS)]
        draw: Callable[[], float] = self.random.random
        for number, talk in enumerate(self._turns):
            moment_us = self.begin_us + number * self.step_us
            message_id = self.id_at(moment_us)
            sender = talk.writers[int(draw() * len(talk.writers))] if talk.said else talk.maker
            deleted_us = min(moment_us + 60_000_000, self.until_us) if draw() < SHARE_DELETED else None
            talk.said += 1
            talk.last = message_id, moment_us
            for person in talk.readers.get(talk.said, ()):
                talk.markers[person.id] = talk.last
            yield message_id, talk.id, sender.id, texts[int(draw() * TEXTS)], moment_us, deleted_us

    def broadcasts(self) -> Iterator[tuple]:
        """(id, type, sender, text, roles, tags, moment): by organizers, every other one in a channel."""
        organizers = [person for person in self.people if person.role == Role.ORGANIZER]
        for number in range(self.sizes.broadcasts):
            moment_us = self.begin_us + (2 * number + 1) * (self.until_us - self.begin_us) // (
                2 * self.sizes.broadcasts
            )
            is_channel = number % 2 == 1
            roles = [] if is_channel else self.random.choice(([], [], [Role.ATTENDEE.value]))
            tags = [self.random.choice(TAGS)] if is_channel else []
            sender = self.random.choice(organizers)
            kind = "channel" if is_channel else "announcement"
            yield self.id_at(moment_us), kind, sender.id, self.text(), roles, tags, moment_us

    def text(self) -> str:
        """Long enough for the first message of an offer of help."""
        return " ".join(self.random.choices(WORDS, k=self.random.randint(6, 40)))
