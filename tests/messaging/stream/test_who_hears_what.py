"""Each event of the stream and each kind of person: who hears of it, and nobody else, over one process."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import User
from api.database import in_one_call
from broadcasts import fanout, orders
from broadcasts.models import Broadcast
from broadcasts.orders import Order
from config.environment import REPOSITORY
from events import blocks, memberships
from events.access import access_event
from messaging import conversations, messages, publishing, sends, typing
from messaging.models import GateStamp, Text
from messaging.stream import kinds
from moderation import access, cases, reports
from rollout import read_models
from tests.conftest import Cast, join, make_user
from tests.messaging.conftest import change
from tests.messaging.stream.who_hears_what_table import TABLE
from tests.waiting import wait_until

PEOPLE = tuple(TABLE.split("\n")[1].split()[1:])
OUTSIDE = ("removed", "stranger", "staff")
ELSEWHERE = "0660cc54875d70-000000000016-000000-3fffffffffffff.0-3fffffffffffff.1"
END = "that is all"
# The label of what is told last of all.
LAST = "ordered by the MVP dealer"
# By what an event names the thing that it tells of.
KEYS = {
    "message.created": ("item", "message_id"),
    "message.updated": ("item", "message_id"),
    "conversation.created": ("conversation", "id"),
    "conversation.read": ("conversation_id",),
    "typing": ("conversation_id",),
    "delivery.updated": ("message_id",),
    "broadcast.progress": ("broadcast_id",),
    "report.updated": ("report", "id"),
    "reset": (),
}
# All others are heard once.
MANY = {"typing", "broadcast.progress", "a post is removed and restored"}


def rows() -> dict[tuple[str, str], set[str]]:
    """Who hears of each thing that happens, by event and row."""
    found, event = {}, ""
    for line in TABLE.strip().split("\n")[1:]:
        if line.startswith("  "):
            label, cells = re.split(r" {2,}", line.strip())
            assert len(cells.split()) == len(PEOPLE), line
            found[event, label] = {who for who, cell in zip(PEOPLE, cells.split(), strict=True) if cell == "+"}
        else:
            event = line
    return found


def test_every_event_has_its_rows_and_is_documented():
    assert {event for event, _ in rows()} == set(KEYS) == kinds.events()
    document = (REPOSITORY / "docs" / "stream.md").read_text()
    assert [event for event in kinds.events() if f"`{event}`" not in document.partition("## ")[0]] == []


class World:
    """What happens; `labels` says which row of the table each event belongs to."""

    def __init__(self, cast: Cast):
        self.cast = cast
        self.people = SimpleNamespace(**{name: getattr(cast, name, None) or make_user(name) for name in PEOPLE})
        self.labels: dict[tuple[str, str], str] = {}
        for name in ("muted", "suspended", "left"):
            join(cast.event, getattr(self.people, name))
        later = timezone.now() + timedelta(hours=1)
        change(cast, self.people.muted, muted_until=later)
        change(cast, self.people.suspended, suspended_until=later)
        change(cast, cast.attendee, tags=["crew"])
        User.objects.filter(id=cast.attendee.id).update(phone="+4915112345601")
        begun = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.mvp_dealer)
        self.talk, self.hello = begun.conversation.id, begun.message.id
        others = [one.id for one in (cast.dealer, self.people.muted, self.people.suspended, self.people.left)]
        begun = conversations.start_group(cast.event.id, others, "Welcome", by=cast.organizer)
        self.group, self.welcome = begun.conversation.id, begun.message.id
        conversations.take_out(self.group, self.people.left.id, by=self.people.left)
        self.report = reports.report(self.hello, reason="spam", by=cast.attendee)

    def note(self, event: str, key: UUID, label: str) -> UUID:
        self.labels[event, str(key)] = label
        return key

    def happen(self) -> None:
        self.say()
        announced = self.publish("announced under v1")
        read_models.swap("v2")
        self.publish("announced under v2")
        self.publish("announced to dealers", roles=["dealer"])
        posted = self.publish("posted to the crew", tags=["crew"], message_type="channel")
        messages.remove(announced, reason="Wrong", by=self.cast.moderator)
        self.note("message.updated", announced, "an announcement is removed")
        messages.remove(posted, reason="Wrong", by=self.cast.moderator)
        messages.restore(posted, by=self.cast.moderator)
        self.note("message.updated", posted, "a post is removed and restored")
        self.meet()
        self.order()
        cases.claim(access.find_case(self.report.id, by=self.cast.moderator), by=self.cast.moderator)
        self.note("report.updated", self.report.id, "the attendee's is taken up")

    def say(self) -> None:
        cast = self.cast
        said = self.send(self.talk, "said in the talk", by=cast.mvp_dealer)
        self.send(self.group, "said in the group", by=cast.organizer)
        let_out = self.hold("held back and let out")
        messages.release(let_out, by=cast.moderator)
        self.note("message.updated", let_out, "let out")
        held = self.hold("held back")
        blocks.block(cast.organizer.id, by=self.people.muted)
        self.send(self.group, "said by one who was blocked", by=cast.organizer)
        for message_id, label in ((said, "deleted in the talk"), (held, "deleted while it was held")):
            messages.delete(message_id, by=cast.mvp_dealer)
            self.note("message.updated", message_id, label)

    def send(self, talk: UUID, label: str, *, by: User) -> UUID:
        return self.note("message.created", conversations.send(talk, label, by=by).id, label)

    def hold(self, label: str) -> UUID:
        """As the gate would have it; with the stamp of the rules that it judged by."""
        held, stamp = uuid7(), GateStamp.objects.values_list("stamp", flat=True).first()
        values = [self.talk, held, label, sends.READ_ONLY_ARRAY, stamp, "hold"]
        assert in_one_call(self.cast.mvp_dealer, "messaging_send", values).gate == "held"
        return self.note("message.created", held, label)

    def publish(self, label: str, message_type: str = "announcement", is_texted: bool = False, **whom) -> UUID:
        message = publishing.publish(
            by=self.cast.organizer, event_id=self.cast.event.id, message_type=message_type, content=label, **whom
        )
        publishing.deliver(message, is_texted=is_texted)
        return self.note("message.created", message.id, label)

    def meet(self) -> None:
        cast = self.cast
        begun = conversations.start(cast.event.id, cast.attendee_2.id, "Begun", by=cast.organizer)
        self.note("conversation.created", begun.conversation.id, "a talk with the other attendee")
        self.note("message.created", begun.message.id, "begun with the other attendee")
        conversations.invite(self.group, cast.attendee_2.id, by=cast.organizer)
        self.note("conversation.created", self.group, "invited into the group")
        conversations.mark_read(self.talk, self.hello, by=cast.attendee)
        self.note("conversation.read", self.talk, "the talk, by the attendee")
        conversations.mark_read(self.group, self.welcome, by=self.people.muted)
        self.note("conversation.read", self.group, "the group, by the muted")

    def order(self) -> None:
        cast = self.cast
        texted = self.publish("announced by text", is_texted=True)
        Text.objects.filter(message_id=texted, user_id=cast.attendee.id).update(state="sent", sid="SM" + "0" * 32)
        self.note("delivery.updated", texted, "of the organizer's text")
        for by, role, label, told in (
            (cast.organizer, "moderator", "ordered for moderators", "of the organizer's"),
            (cast.mvp_dealer, "attendee", LAST, "of the MVP dealer's"),
        ):
            order = Order(kind="announcement", content=label, roles=[role])
            made = orders.accept(access_event(cast.event.id, by=by), order, by=by)
            fanout.run(made.id)
            self.note("broadcast.progress", made.id, told)
            self.note("message.created", Broadcast.objects.get(id=made.id).message_id, label)

    def type(self, is_heard: Callable[[], bool]) -> None:
        """Redis keeps nothing: whoever subscribed a moment later did not hear the first."""
        self.note("typing", self.talk, "in the talk, by the MVP dealer")
        self.note("typing", self.group, "in the group, by the organizer")

        def again() -> bool:
            typing.tell(self.talk, by=self.cast.mvp_dealer)
            typing.tell(self.group, by=self.cast.organizer)
            return is_heard()

        wait_until(again)

    def end(self) -> None:
        """Those outside come in: what was on its way to them comes before this."""
        for name in OUTSIDE:
            memberships.add(event=self.cast.event, user=getattr(self.people, name), role="attendee", by=None)
        self.publish(END)


def label_of(event, labels: dict) -> tuple[str, str]:
    found = event.data
    for name in KEYS[event.kind]:
        found = found[name]
    return event.kind, labels[event.kind, found] if found else "of an id from elsewhere"


@pytest.mark.django_db(transaction=True)
def test_each_hears_what_the_table_says_and_nothing_else(cast, listen, figure):
    asking = listen(cast.stranger, last_id=ELSEWHERE)
    world = World(cast)
    streams = {name: listen(getattr(world.people, name)) for name in PEOPLE}
    world.happen()
    world.type(lambda: all(streams[name].of("typing") for name in ("attendee", "attendee_2", "dealer", "suspended")))
    # Who comes in afterwards would hear by right what is told a moment late.
    last = lambda one: any(event.data.get("item", {}).get("content") == LAST for event in one.events)  # noqa: E731
    streams["attendee"].wait_for(last)
    world.end()
    heard: dict[tuple[str, str], Counter] = {row: Counter() for row in rows()}
    for name, stream in streams.items():
        for event in stream.wait_for_words(END).events:
            if event.data.get("item", {}).get("content") != END:
                heard[label_of(event, world.labels)][name] += 1
    # It comes back from where nobody was yet; the server waits a little for what is to come.
    heard[label_of(asking.wait_for(lambda one: one.events).events[0], {})]["stranger"] += 1
    found, expected = {row: set(who) for row, who in heard.items()}, rows()
    figure("cells", len(PEOPLE) * len(expected))
    figure("heard by others, or not", sum(len(found[row] ^ who) for row, who in expected.items()))
    assert found == expected
    twice = {row: who for row, who in heard.items() if max(who.values()) > 1 and not MANY & set(row)}
    assert twice == {}
