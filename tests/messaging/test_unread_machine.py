"""Any order of sends, reads, deletes, removals, comings, goings, blocks and sanctions, beside a model in plain Python.

After each step everyone's list, unread, last message and can_reply are compared.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import DateTimeField, Func
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from api.errors import ApiError
from events import blocks
from events.models import HelpRequest, Membership
from messaging import conversations, messages, reads, shapes
from messaging.models import Message
from tests.conftest import join, make_event, make_user
from tests.messaging.unread_model import ROLES, Model, Said, Seat, Talk

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
RUNS, STEPS = (300, 60) if IS_LONG else (15, 40)

LATER = timedelta(days=1)

# --- What drives both ------------------------------------------------------------------------


class ClockTimestamp(Func):
    """Now, and not when the transaction began."""

    function = "clock_timestamp"
    output_field = DateTimeField()


people = st.sampled_from(ROLES)
# The one who moderates stays able to.
others = st.sampled_from([role for role in ROLES if role != "moderator"])
numbers = st.integers(0, 20)


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.model, self.step, self.told = Model(), 0, 0
        self.event = make_event("machine")
        self.users = {role: make_user(role) for role in ROLES}
        for role, user in self.users.items():
            join(self.event, user, role)
        self.help_request = HelpRequest.objects.create(
            event=self.event, requester=self.users["dealer"], title="Tape", details="Any tape?"
        )

    def teardown(self):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    # --- How a step goes -----------------------------------------------------------------------

    def does(self, expected: str | None, call):
        """Does it, or is refused with exactly the reason that the model has; the answer where it was done."""
        self.step += 1
        try:
            answer, outcome = call(), None
        except ApiError as error:
            answer, outcome = None, error.extras.get("reason", error.code)
        assert outcome == expected
        return answer

    def a_talk(self, number: int) -> Talk:
        return self.model.talks[number % len(self.model.talks)]

    def someone(self, talk: Talk, number: int) -> str:
        """Seldom one who takes no part in it."""
        return (list(talk.seats) * 3 + list(ROLES))[number % (3 * len(talk.seats) + len(ROLES))]

    def a_message(self, talk: Talk, number: int) -> Said:
        """Small numbers are the latest."""
        return talk.said[-1 - number % len(talk.said)]

    def a_text(self) -> str:
        self.told += 1
        return f"This is message {self.told}."

    def began(self, kind: str, maker: str, people, started, content: str) -> None:
        everyone = [maker, *people]
        self.model.talks.append(
            Talk(
                id=started.conversation.id,
                kind=kind,
                maker=maker,
                seats={name: Seat(self.step) for name in everyone},
                said=[Said(started.message.id, maker, self.step, content)],
                pair=frozenset() if kind == "group" else frozenset(everyone),
                active=self.step,
            )
        )

    def set_membership(self, who: str, **values) -> None:
        Membership.objects.filter(event=self.event, user=self.users[who]).update(**values)

    # --- The steps -----------------------------------------------------------------------------

    @initialize()
    def begin(self):
        self.start("mvp_dealer", "attendee")
        self.start_group("organizer", ["attendee", "dealer"])

    @rule(who=people, other=people)
    def start(self, who, other):
        if who == other:
            return
        expected = "not_found" if not self.model.members[who].is_here else self.model.no_opening(who, [other])
        if expected is None and any(talk.kind == "direct" and talk.pair == {who, other} for talk in self.model.talks):
            expected = "conversation_exists"
        content = self.a_text()
        call = lambda: conversations.start(  # noqa: E731
            self.event.id, self.users[other].id, content, by=self.users[who]
        )
        if started := self.does(expected, call):
            self.began("direct", who, [other], started, content)

    @rule(who=people, company=st.lists(people, min_size=2, max_size=4, unique=True))
    def start_group(self, who, company):
        company = [name for name in company if name != who]
        expected = "not_found" if not self.model.members[who].is_here else self.model.no_opening(who, company)
        content, ids = self.a_text(), [self.users[name].id for name in company]
        call = lambda: conversations.start_group(self.event.id, ids, content, by=self.users[who])  # noqa: E731
        if started := self.does(expected, call):
            self.began("group", who, company, started, content)

    @rule(who=people)
    def offer_help(self, who):
        asker, model = "dealer", self.model
        if not model.members[who].is_here:
            expected = "not_found"
        elif reason := model.no_writing(who):
            expected = reason
        elif not model.members[asker].is_here:
            expected = "not_member"
        elif model.members[who].role == "dealer":
            expected = "read_only"
        elif who == asker:
            expected = "own_help_request"
        elif model.is_blocked(who, asker):
            expected = "blocked"
        elif any(talk.kind == "help" and talk.maker == who for talk in model.talks):
            expected = "conversation_exists"
        else:
            expected = None
        content = self.a_text()
        call = lambda: conversations.offer_help(self.help_request.id, content, by=self.users[who])  # noqa: E731
        if started := self.does(expected, call):
            self.began("help", who, [asker], started, content)

    @rule(who=numbers, talk=numbers)
    def send(self, who, talk):
        talk, content = self.a_talk(talk), self.a_text()
        who = self.someone(talk, who)
        expected = self.model.no_reply(talk, who) if who in talk.seats else "not_found"
        sent = self.does(expected, lambda: conversations.send(talk.id, content, by=self.users[who]))
        if sent:
            talk.said.append(Said(sent.id, who, self.step, content))
            talk.active = self.step

    # Twice as often: much hangs on what is said.
    @rule(who=numbers, talk=numbers)
    def send_again(self, who, talk):
        self.send(who, talk)

    @rule(who=numbers, talk=numbers, message=numbers)
    def read(self, who, talk, message):
        talk = self.a_talk(talk)
        who, message = self.someone(talk, who), self.a_message(talk, message)
        seat = talk.seats.get(who)
        can_see = seat and (not message.is_held or message.sender == who)
        call = lambda: conversations.mark_read(talk.id, message.id, by=self.users[who])  # noqa: E731
        self.does(None if can_see else "not_found", call)
        # Others are not to learn of a held one by the marker of its sender.
        told = next((one for one in self.model.up_to(talk, message) if not one.is_held), None)
        if can_see and told and (seat.read is None or seat.read.step < told.step):
            seat.read = told

    @rule(talk=numbers, message=numbers)
    def delete(self, talk, message):
        message = self.a_message(self.a_talk(talk), message)
        me = self.model.members[message.sender]
        expected = "suspended" if me.is_suspended else None if me.is_here else "not_member"
        self.does(expected, lambda: messages.delete(message.id, by=self.users[message.sender]))
        if expected is None:
            message.deleted_by = "sender"

    @rule(talk=numbers, message=numbers)
    def remove(self, talk, message):
        message = self.a_message(self.a_talk(talk), message)
        expected = "invalid_state" if message.deleted_by else None
        self.does(expected, lambda: messages.remove(message.id, reason="x", by=self.users["moderator"]))
        message.deleted_by = message.deleted_by or "moderator"

    @rule(talk=numbers, message=numbers)
    def restore(self, talk, message):
        message = self.a_message(self.a_talk(talk), message)
        if message.is_held and message.deleted_by == "moderator":
            return  # it would be let out as well, at a place of its own
        expected = None if message.deleted_by == "moderator" else "invalid_state"
        self.does(expected, lambda: messages.restore(message.id, by=self.users["moderator"]))
        if expected is None:
            message.deleted_by = None

    @rule(talk=numbers, message=numbers, is_held=st.booleans())
    def hold_or_let_out(self, talk, message, is_held):
        message = self.a_message(self.a_talk(talk), message)
        Message.objects.filter(id=message.id).update(held_at=timezone.now() if is_held else None)
        message.is_held = is_held

    @rule(who=numbers, talk=numbers)
    def leave(self, who, talk):
        self.take_out(who, talk, who)

    @rule(who=numbers, talk=numbers, other=numbers)
    def take_out(self, who, talk, other):
        talk = self.a_talk(talk)
        who, other = self.someone(talk, who), self.someone(talk, other)
        expected = self.model.no_taking_out(talk, who, other)
        call = lambda: conversations.take_out(talk.id, self.users[other].id, by=self.users[who])  # noqa: E731
        self.does(expected, call)
        if expected is None:
            del talk.seats[other]
            if talk.maker == other:
                talk.maker = next(iter(talk.seats), other)

    @rule(who=people, talk=numbers, other=people)
    def invite(self, who, talk, other):
        if who == other:
            return
        talk = self.a_talk(talk)
        expected = self.model.no_invitation(talk, who, other)
        call = lambda: conversations.invite(talk.id, self.users[other].id, by=self.users[who])  # noqa: E731
        self.does(expected, call)
        if expected is None and other not in talk.seats:
            talk.seats[other] = Seat(self.step)

    # By chance alone it is seldom the maker of a group who asks, and seldom for someone who is not in it.
    @rule(talk=numbers, other=numbers)
    def invite_by_the_maker(self, talk, other):
        groups = [talk for talk in self.model.talks if talk.kind == "group"]
        talk = groups[talk % len(groups)]
        if absent := [name for name in ROLES if name not in talk.seats]:
            self.invite(talk.maker, self.model.talks.index(talk), absent[other % len(absent)])

    @rule(who=people, other=people, is_lifted=st.booleans())
    def block_or_unblock(self, who, other, is_lifted):
        if who == other:
            return
        members, pair = self.model.members, (who, other)
        is_known = (members[who].is_here and members[other].is_here) or pair in self.model.blocks
        work = blocks.unblock if is_lifted else blocks.block
        self.does(None if is_known else "not_found", lambda: work(self.users[other].id, by=self.users[who]))
        if is_known:
            (self.model.blocks.discard if is_lifted else self.model.blocks.add)(pair)

    @rule(talk=numbers, is_turned=st.booleans())
    def block_who_one_talks_with(self, talk, is_turned):
        if pair := sorted(self.a_talk(talk).pair, reverse=is_turned):
            self.block_or_unblock(*pair, False)

    # Lifted more often than laid on: else soon nobody would say anything.
    @rule(who=others, sanctions=st.sampled_from([set(), set(), {"muted"}, {"suspended"}, {"muted", "suspended"}]))
    def mute_suspend_or_lift(self, who, sanctions):
        me = self.model.members[who]
        me.is_muted, me.is_suspended = "muted" in sanctions, "suspended" in sanctions
        self.set_membership(
            who,
            muted_until=timezone.now() + (LATER if me.is_muted else -LATER),
            suspended_until=timezone.now() + LATER if me.is_suspended else None,
        )

    @rule(who=others)
    def put_out_of_the_event(self, who):
        self.set_membership(who, removed_at=timezone.now())
        self.model.members[who].is_here = False

    # They are often back soon.
    @rule(who=others)
    def put_out_and_take_back(self, who):
        self.put_out_of_the_event(who)
        self.take_everyone_back()

    @rule()
    def take_everyone_back(self):
        """They begin anew."""
        for who, member in self.model.members.items():
            if not member.is_here:
                self.step += 1
                self.set_membership(who, removed_at=None, joined_at=ClockTimestamp())
                member.is_here, member.since = True, self.step

    @rule(who=others, role=st.sampled_from(["attendee", "dealer", "mvp_dealer", "organizer"]))
    def change_role(self, who, role):
        self.set_membership(who, role=role)
        self.model.members[who].role = role

    # --- What is compared ----------------------------------------------------------------------

    @invariant()
    def everyone_is_shown_what_the_model_says(self):
        names = {str(user.id): name for name, user in self.users.items()}
        for who, user in self.users.items():
            page = reads.list_conversations(None, {"limit": 100, "cursor": None}, by=user)
            found = [shapes.conversation(row, user) for row in page["items"]]
            expected = self.model.listed(who)
            assert [as_compared(talk, names) for talk in found] == expected
            assert reads.count_unread(self.event.id, by=user) == min(sum(unread for _, unread, *_ in expected), 999)

    @rule(who=numbers, talk=numbers)
    def look(self, who, talk):
        talk = self.a_talk(talk)
        who = self.someone(talk, who)
        user = self.users[who]
        expected = None if who in talk.seats else "not_found"
        query = {"limit": 100, "cursor": None}
        page = self.does(expected, lambda: reads.list_messages(talk.id, query, by=user))
        found = self.does(expected, lambda: reads.find(talk.id, by=user))
        if page:
            shown = [shapes.message(row, user) for row in page["items"]]
            assert [as_said(one) for one in shown] == [one.as_shown() for one in self.model.seen(talk, who)]
            assert shapes.conversation(found, user)["unread_count"] == self.model.unread(talk, who)


def as_said(shown: dict) -> tuple:
    return shown["id"], shown["content"], shown["is_deleted"], shown["is_held"]


def as_compared(shown: dict, names: dict) -> tuple:
    assert shown["can_reply"] == (shown["reply_reason"] is None)
    return (
        shown["id"],
        shown["unread_count"],
        shown["reply_reason"],
        shown["last_message"] and as_said(shown["last_message"]),
        [(names[one["user_id"]], one["role"], one["last_read_message_id"]) for one in shown["participants"]],
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
