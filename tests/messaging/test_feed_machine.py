"""Any order of sends, broadcasts, fan-outs in pieces, deletes, restores, roles, tags and comings, beside a model in
plain Python.

The model keeps lists of what was said and of what was handed over, and knows of no index, no cursor and no log. Whole
walks of the feed by both read models, what is unread, and what came since a message are compared with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import orjson
import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from events.models import Membership
from messaging import conversations, feed, messages, publishing
from messaging.feed_serializers import FeedQuery
from messaging.models import Message
from tests.conftest import join, make_event, make_moderating_staff, make_user
from tests.messaging.feeds import use

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
RUNS, STEPS = (200, 50) if IS_LONG else (12, 30)

PEOPLE = ("organizer", "mvp_dealer", "dealer", "attendee", "moderator")
ROLES = PEOPLE
TAGS = ("crew", "early", "late")
GONE = {"moderator": "This message was removed by a moderator.", "sender": "This message was deleted."}


@dataclass(eq=False)
class Said:
    """`place` is where it stands in time; `entered` where each person's delivery stands in the log."""

    id: str
    sender: str
    place: int
    content: str
    kind: str
    roles: tuple = ()
    tags: tuple = ()
    handed: dict[str, int] = field(default_factory=dict)
    deleted_by: str | None = None
    is_held: bool = False

    @property
    def is_at_large(self) -> bool:
        return self.kind != "direct"

    def source(self, who: str, member: Member, model: str) -> str | None:
        """How it stands in this person's feed, or not at all."""
        if self.sender == who:
            return "own"
        if self.is_held:
            return None
        if self.is_at_large and model == "v2":
            concerns = (not self.roles or member.role in self.roles) and (not self.tags or set(self.tags) & member.tags)
            return "message" if concerns else None
        return "delivery" if who in self.handed else None

    def entered(self, who: str, model: str) -> int:
        is_by_delivery = self.is_at_large and model == "v1" and self.sender != who
        return self.handed[who] if is_by_delivery else self.place


@dataclass
class Member:
    role: str
    tags: set = field(default_factory=set)
    since: int = 0
    is_here: bool = True
    read: int = 0


people = st.sampled_from(PEOPLE)
others = st.sampled_from([name for name in PEOPLE if name != "moderator"])
numbers = st.integers(0, 20)
some_roles = st.lists(st.sampled_from(ROLES), max_size=2, unique=True)
some_tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True)


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.step, self.said = 0, []
        self.members = {name: Member(name) for name in PEOPLE}
        self.event = make_event("machine")
        self.users = {name: make_user(name) for name in PEOPLE}
        for name, user in self.users.items():
            join(self.event, user, name)
        self.users["staff"] = make_moderating_staff("staff")
        self.unfinished: list[tuple[Said, Message, publishing.Batch]] = []

    def teardown(self):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    @initialize()
    def begin(self):
        group = [self.users[name].id for name in ("mvp_dealer", "dealer", "attendee")]
        self.step += 1
        self.group = conversations.start_group(self.event.id, group, "0", by=self.users["organizer"])
        self.seats = {"organizer", "mvp_dealer", "dealer", "attendee"}
        self.keep(self.group.message.id, "organizer", "0", "direct", self.seats)

    def keep(self, message_id, sender: str, content: str, kind: str, readers=(), **values) -> Said:
        handed = {who: self.step for who in readers if who != sender and self.members[who].is_here}
        self.said.append(Said(str(message_id), sender, self.step, content, kind, handed=handed, **values))
        return self.said[-1]

    def one(self, number: int) -> Said:
        """Small numbers are the latest."""
        return self.said[-1 - number % len(self.said)]

    def set_membership(self, who: str, **values) -> None:
        Membership.objects.filter(event=self.event, user=self.users[who]).update(**values)

    # --- The steps -----------------------------------------------------------------------------

    @rule(who=st.sampled_from(["organizer", "mvp_dealer", "attendee"]))
    def send(self, who):
        if who not in self.seats or not self.members[who].is_here or self.members[who].role == "dealer":
            return
        self.step += 1
        content = str(self.step)
        sent = conversations.send(self.group.conversation.id, content, by=self.users[who])
        self.keep(sent.id, who, content, "direct", self.seats)

    @rule(who=st.sampled_from(["organizer", "mvp_dealer"]), kind=st.sampled_from(["announcement", "channel"]))
    def announce_to_all(self, who, kind):
        self.announce(who, kind, [], [], 100)

    @rule(
        who=st.sampled_from(["organizer", "mvp_dealer"]),
        kind=st.sampled_from(["announcement", "channel"]),
        roles=some_roles,
        tags=some_tags,
        batch=st.sampled_from([0, 1, 2, 100]),
    )
    def announce(self, who, kind, roles, tags, batch):
        self.step += 1
        content = str(self.step)
        message = publishing.publish(
            by=self.users[who], event_id=self.event.id, message_type=kind, content=content, roles=roles, tags=tags
        )
        said = self.keep(message.id, who, content, kind, roles=tuple(roles), tags=tuple(tags))
        self.unfinished.append((said, message, publishing.Batch(publishing.FIRST, 0)))
        if batch:
            self.deliver(len(self.unfinished) - 1, batch)

    @rule(which=numbers, batch=st.sampled_from([1, 2, 100]))
    def deliver(self, which, batch):
        """The next people of a fan-out, as they are now; never who came after it was said."""
        if not self.unfinished:
            return
        self.step += 1
        which %= len(self.unfinished)
        said, message, done = self.unfinished.pop(which)
        in_order = sorted((user.id, name) for name, user in self.users.items() if name in self.members)
        for _, name in [one for one in in_order if one[0] > done.upto][:batch]:
            member = self.members[name]
            concerns = (not said.roles or member.role in said.roles) and (not said.tags or set(said.tags) & member.tags)
            if member.is_here and member.since < said.place and concerns and name != said.sender:
                said.handed.setdefault(name, self.step)
        done = publishing.deliver(message, after=done.upto, batch=batch)
        if done.upto is not None:
            self.unfinished.append((said, message, done))

    @rule(which=numbers)
    def delete(self, which):
        said = self.one(which)
        if self.members[said.sender].is_here:
            messages.delete(said.id, by=self.users[said.sender])
            said.deleted_by = "sender"

    @rule(which=numbers)
    def remove_or_restore(self, which):
        said = self.one(which)
        if said.deleted_by is None:
            messages.remove(said.id, reason="x", by=self.users["staff"])
            said.deleted_by = "moderator"
        # Restoring a held one lets it out as well, at a place of its own.
        elif said.deleted_by == "moderator" and not said.is_held:
            messages.restore(said.id, by=self.users["staff"])
            said.deleted_by = None

    @rule(which=numbers, is_held=st.booleans())
    def hold_or_let_out(self, which, is_held):
        said = self.one(which)
        Message.objects.filter(id=said.id).update(held_at=timezone.now() if is_held else None)
        said.is_held = is_held

    @rule(who=people, role=st.sampled_from(ROLES))
    def change_role(self, who, role):
        self.set_membership(who, role=role)
        self.members[who].role = role

    @rule(who=people, tags=some_tags)
    def change_tags(self, who, tags):
        self.set_membership(who, tags=tags)
        self.members[who].tags = set(tags)

    @rule(who=others)
    def put_out(self, who):
        self.set_membership(who, removed_at=timezone.now())
        self.members[who].is_here = False

    @rule()
    def take_everyone_back(self):
        for who, member in self.members.items():
            if not member.is_here:
                self.step += 1
                with connection.cursor() as cursor:
                    cursor.execute(
                        "UPDATE events_membership SET removed_at = NULL, joined_at = clock_timestamp()"
                        " WHERE user_id = %s",
                        [self.users[who].id],
                    )
                member.is_here, member.since = True, self.step

    @rule(who=st.sampled_from(["dealer", "attendee"]))
    def leave_the_group(self, who):
        if who in self.seats:
            conversations.take_out(self.group.conversation.id, self.users[who].id, by=self.users[who])
            self.seats.discard(who)

    @rule(who=people, which=numbers, model=st.sampled_from(["v1", "v2"]))
    def read(self, who, which, model):
        shown = self.shown(who, model)
        if self.members[who].is_here and shown:
            said, _source = shown[which % len(shown)]
            feed.mark_read(self.event.id, said.id, by=self.users[who])
            self.members[who].read = max(self.members[who].read, said.place)

    # --- What is compared ----------------------------------------------------------------------

    def shown(self, who: str, model: str) -> list[tuple[Said, str]]:
        """Newest first, with where each is from."""
        member = self.members[who]
        found = [(said, said.source(who, member, model)) for said in reversed(self.said)]
        return [(said, source) for said, source in found if source]

    def unread(self, who: str, model: str) -> int:
        member = self.members[who]
        return sum(
            said.is_at_large and source != "own" and not said.deleted_by and said.place > max(member.read, member.since)
            for said, source in self.shown(who, model)
        )

    def ask(self, who: str, **query) -> dict:
        shape = FeedQuery(data={name: str(value) for name, value in query.items()})
        shape.is_valid(raise_exception=True)
        answer = feed.read(self.event.id, shape.validated_data, by=self.users[who])
        return orjson.loads(orjson.dumps(answer))

    def walk(self, who: str, **query) -> list[dict]:
        items, found = [], self.ask(who, **query)
        while True:
            items += found["items"]
            if found["next_cursor"] is None:
                return items
            found = self.ask(who, cursor=found["next_cursor"], limit=query["limit"])

    @invariant()
    def everyones_feed_is_what_the_model_says(self):
        for model in ("v1", "v2"):
            use(model)
            for who, member in self.members.items():
                if member.is_here:
                    found = self.walk(who, limit=3 + self.step % 5)
                    assert [as_compared(item) for item in found] == [
                        expected(said, source, member) for said, source in self.shown(who, model)
                    ]
                    assert feed.count_unread(self.event.id, by=self.users[who])["feed"] == self.unread(who, model)

    @rule(who=people, which=numbers, model=st.sampled_from(["v1", "v2"]), limit=st.integers(1, 5))
    def look_since(self, who, which, model, limit):
        """All is one transaction here, so that what was said before comes again; nothing twice, nothing missed."""
        use(model)
        shown = self.shown(who, model)
        if not self.members[who].is_here or not shown:
            return
        anchor = shown[which % len(shown)][0]
        found = [item["message_id"] for item in self.walk(who, since=anchor.id, limit=limit)]
        in_order = sorted((said for said, _ in shown if said is not anchor), key=lambda said: said.entered(who, model))
        assert found == [said.id for said in in_order]


def expected(said: Said, source: str, member: Member) -> tuple:
    is_catchup = said.place < member.since
    content = GONE.get(said.deleted_by, said.content)
    return said.id, content, said.kind, source, is_catchup, said.deleted_by is not None, sorted(said.tags)


def as_compared(item: dict) -> tuple:
    return (
        item["message_id"],
        item["content"],
        item["message_type"],
        item["source"],
        item["is_catchup"],
        item["is_deleted"],
        sorted(item["channel_tags"]),
    )


@pytest.mark.slow
@pytest.mark.django_db
def test_in_any_order(figure):
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            derandomize=not IS_LONG,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    figure("runs", RUNS)
