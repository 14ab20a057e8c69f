"""Any order of reports, edits, claims, decisions, lifts, appeals and passing time, beside a model in plain Python.

The model keeps words and numbers of hours; it knows of no table, lock, trigger or version but its own count. Time
passes by moving what is stored into the past, as one clock would.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from api.errors import ApiError
from events.models import Membership
from messaging import conversations, messages
from messaging.models import Message
from moderation import access, appeals, cases, decisions, reports, sanctions
from moderation.models import Appeal, Case, Report, Sanction
from tests.conftest import join, make_event, make_user
from tests.moderation.conftest import edit

IS_LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
RUNS, STEPS = (200, 60) if IS_LONG else (15, 35)

SENDERS, REPORTERS, MODERATORS = ("ann", "bob"), ("cleo", "dan", "eve"), ("max", "mia", "mo")
ACTIONS = ("remove_message", "restore_message", "warn", "mute", "suspend", "remove_member", "revoke_reporting")
SANCTIONS = ACTIONS[2:]
TIMED = ("mute", "suspend")
APPEAL_HOURS = 20 * 24


@dataclass(eq=False)
class Said:
    id: object
    sender: str
    text: str
    state: str = "visible"
    reporters: list[str] = field(default_factory=list)
    case: Opened | None = None


@dataclass(eq=False)
class Opened:
    text: str
    status: str = "pending"
    version: int = 1
    holder: str | None = None


@dataclass(eq=False)
class Laid:
    id: object
    sender: str
    type: str
    by: str
    at: int
    ends: int | None
    is_lifted: bool = False
    appeal: str | None = None

    def stands(self, now: int) -> bool:
        return not self.is_lifted and (self.ends is None or self.ends > now)


@dataclass
class Model:
    now: int = 0
    said: list[Said] = field(default_factory=list)
    laid: list[Laid] = field(default_factory=list)

    def standing(self, who: str, type: str) -> list[Laid]:
        return [one for one in self.laid if (one.sender, one.type) == (who, type) and one.stands(self.now)]

    def is_out(self, who: str) -> bool:
        return bool(self.standing(who, "remove_member"))

    def until(self, who: str, type: str) -> int | None:
        return max((one.ends for one in self.standing(who, type)), default=None)


class Machine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.model = Model()
        self.event = make_event(f"machine-{timezone.now().timestamp()}".replace(".", "-"))
        roles = {**dict.fromkeys(SENDERS, "attendee"), **dict.fromkeys(REPORTERS, "attendee")}
        roles |= dict.fromkeys(MODERATORS, "moderator")
        self.people = {name: make_user(f"{name}-{self.event.slug}") for name in roles}
        for name, role in roles.items():
            join(self.event, self.people[name], role)
        everyone = [self.people[name].id for name in (*SENDERS, *REPORTERS)]
        made = conversations.start_group(self.event.id, everyone, "Welcome", by=self.people["max"])
        self.talk = made.conversation.id
        for who in SENDERS:
            self.say(who)

    def teardown(self):
        if hasattr(self, "savepoint"):
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def told(self, call) -> str | None:
        """The reason or state of a refusal; None where it was done."""
        try:
            call()
        except ApiError as error:
            return error.extras.get("reason") or error.extras.get("current_state") or error.code
        return None

    def say(self, who: str) -> None:
        text = f"Text {len(self.model.said)} of {who}"
        said = conversations.send(self.talk, text, by=self.people[who])
        self.model.said.append(Said(said.id, who, text))

    # --- Steps -------------------------------------------------------------------------------

    @rule(who=st.sampled_from(SENDERS))
    def send(self, who):
        expected = next(
            (
                word
                for word, type in (("suspended", "suspend"), ("muted", "mute"), ("not_member", "remove_member"))
                if self.model.standing(who, type)
            ),
            None,
        )
        if expected:
            assert self.told(lambda: conversations.send(self.talk, "No", by=self.people[who])) == expected
        else:
            self.say(who)

    @rule(data=st.data(), who=st.sampled_from(REPORTERS), reason=st.sampled_from(["spam", "hate", "other"]))
    def report(self, data, who, reason):
        said = data.draw(st.sampled_from(self.model.said))
        found = self.told(lambda: reports.report(said.id, reason=reason, by=self.people[who]))
        if who in said.reporters:
            assert found == said.case.status
            return
        assert found is None
        said.reporters.append(who)
        self._open(said)

    def _open(self, said: Said) -> None:
        case = said.case
        if case is None:
            said.case = Opened(said.text)
        elif case.text != said.text:
            case.text = said.text
            case.version += 1
            if case.status in ("actioned", "dismissed"):
                case.status, case.holder = "pending", None

    @rule(data=st.data())
    def change_text(self, data):
        said = data.draw(st.sampled_from(self.model.said))
        said.text += "!"
        edit(said.id, said.text)

    @rule(data=st.data(), who=st.sampled_from(MODERATORS))
    def remove(self, data, who):
        said = data.draw(st.sampled_from(self.model.said))
        found = self.told(lambda: messages.remove(said.id, reason="x", by=self.people[who]))
        if said.state != "visible":
            assert found == said.state
            return
        assert found is None
        said.state = "removed"
        if said.case is None:
            said.case = Opened(said.text)

    @rule(data=st.data())
    def delete(self, data):
        said = data.draw(st.sampled_from(self.model.said))
        found = self.told(lambda: messages.delete(said.id, by=self.people[said.sender]))
        if self.model.standing(said.sender, "suspend"):
            assert found == "suspended"
        elif self.model.is_out(said.sender):
            assert found == "not_member"
        else:
            assert found is None
            said.state = "deleted"

    def _case_of(self, data) -> Said | None:
        reported = [said for said in self.model.said if said.case]
        return data.draw(st.sampled_from(reported)) if reported else None

    @rule(data=st.data(), who=st.sampled_from(MODERATORS))
    def claim(self, data, who):
        if (said := self._case_of(data)) is None:
            return
        case, person = said.case, self.people[who]
        row = Case.objects.get(message=said.id)
        found = self.told(lambda: cases.claim(access.find_case(row.id, by=person), by=person))
        if case.status == "pending":
            assert found is None
            case.status, case.holder, case.version = "reviewed", who, case.version + 1
        else:
            assert found == (None if (case.status, case.holder) == ("reviewed", who) else case.status)

    @rule(data=st.data(), who=st.sampled_from(MODERATORS))
    def hand_back(self, data, who):
        if (said := self._case_of(data)) is None:
            return
        case, person = said.case, self.people[who]
        row = Case.objects.get(message=said.id)
        found = self.told(lambda: cases.hand_back(access.find_case(row.id, by=person), by=person))
        if (case.status, case.holder) == ("reviewed", who):
            assert found is None
            case.status, case.holder, case.version = "pending", None, case.version + 1
        else:
            assert found == case.status

    @rule(
        data=st.data(),
        who=st.sampled_from(MODERATORS),
        wanted=st.lists(st.sampled_from(ACTIONS), unique=True, max_size=3),
        hours=st.integers(1, 100),
        is_late=st.booleans(),
    )
    def decide(self, data, who, wanted, hours, is_late):
        if {"remove_message", "restore_message"} <= set(wanted) or (said := self._case_of(data)) is None:
            return
        case, person = said.case, self.people[who]
        decision = "dismissed" if set(wanted) <= {"restore_message"} else "actioned"
        actions = [{"type": one, "hours": hours} if one in TIMED else {"type": one} for one in wanted]
        row = Case.objects.get(message=said.id)
        version = case.version - (is_late and case.version > 1)
        found = self.told(
            lambda: decisions.decide(
                access.find_case(row.id, by=person), decision=decision, actions=actions, version=version, by=person
            )
        )
        is_free = case.status == "pending" or (case.status, case.holder) == ("reviewed", who)
        if not is_free or version != case.version:
            assert found == case.status
        elif "restore_message" in wanted and said.state == "deleted":
            assert found == "deleted"
        else:
            assert found is None
            self._decided(said, who, decision, wanted, hours)

    def _decided(self, said: Said, who: str, decision: str, wanted: list[str], hours: int) -> None:
        case = said.case
        case.version += 2 if case.status == "pending" else 1
        case.status, case.holder = decision, who
        if "remove_message" in wanted and said.state == "visible":
            said.state = "removed"
        if "restore_message" in wanted:
            said.state = "visible"
        made = Sanction.objects.filter(
            case__message=said.id, decision=Case.objects.get(message=said.id).decisions.latest("created_at")
        )
        ids = dict(made.values_list("type", "id"))
        assert set(ids) == set(wanted) & set(SANCTIONS)
        for type in set(wanted) & set(SANCTIONS):
            ends = self.model.now + hours if type in TIMED else None
            self.model.laid.append(Laid(ids[type], said.sender, type, who, self.model.now, ends))

    @rule(data=st.data(), who=st.sampled_from(MODERATORS))
    def lift(self, data, who):
        if not self.model.laid:
            return
        laid, person = data.draw(st.sampled_from(self.model.laid)), self.people[who]
        found = self.told(lambda: sanctions.lift(access.find_sanction(laid.id, by=person), reason="x", by=person))
        if laid.is_lifted:
            assert found == "lifted"
        elif not laid.stands(self.model.now):
            assert found == "ended"
        else:
            assert found is None
            laid.is_lifted = True
            laid.appeal = "granted" if laid.appeal == "pending" else laid.appeal

    @rule(data=st.data())
    def appeal(self, data):
        if not self.model.laid:
            return
        laid = data.draw(st.sampled_from(self.model.laid))
        person = self.people[laid.sender]
        found = self.told(lambda: appeals.make(access.find_sanction(laid.id, by=person), text="x", by=person))
        if laid.appeal:
            assert found == laid.appeal
        elif laid.is_lifted:
            assert found == "lifted"
        elif self.model.now - laid.at > APPEAL_HOURS:
            assert found == "too_late"
        elif self.model.now - laid.at < APPEAL_HOURS:
            assert found is None
            laid.appeal = "pending"
        elif found is None:  # on the hour itself the seconds decide
            laid.appeal = "pending"

    @rule(data=st.data(), who=st.sampled_from(MODERATORS), decision=st.sampled_from(["granted", "rejected"]))
    def decide_appeal(self, data, who, decision):
        if not self.model.laid:
            return
        laid, person = data.draw(st.sampled_from(self.model.laid)), self.people[who]
        found = self.told(
            lambda: appeals.decide(access.find_sanction(laid.id, by=person), decision=decision, by=person)
        )
        if who == laid.by:
            assert found == "own_decision"
        elif laid.appeal != "pending":
            assert found == (laid.appeal or "not_appealed")
        else:
            assert found is None
            laid.appeal = decision
            laid.is_lifted = laid.is_lifted or decision == "granted"

    @rule(hours=st.sampled_from([1, 30, 100, 300]))
    def pass_time(self, hours):
        self.model.now += hours
        back = timedelta(hours=hours)
        Sanction.objects.update(starts_at=F("starts_at") - back, ends_at=F("ends_at") - back)
        ends = ("muted_until", "suspended_until", "removed_at")
        Membership.objects.update(**{name: F(name) - back for name in ends})

    # --- What holds after each ---------------------------------------------------------------

    @invariant()
    def cases_are_as_the_model_says(self):
        if not hasattr(self, "model"):
            return
        for said in self.model.said:
            row = Case.objects.filter(message=said.id).first()
            assert (row is None) == (said.case is None)
            if row:
                holder = said.case.holder and self.people[said.case.holder].id
                assert (row.status, row.version, row.claimed_by_id) == (said.case.status, said.case.version, holder)
                assert set(Report.objects.filter(case=row).values_list("status", flat=True)) <= {row.status}
                assert Report.objects.filter(case=row).count() == len(said.reporters)
            kind = {None: "visible", "moderator": "removed", "sender": "deleted"}
            assert kind[Message.objects.get(id=said.id).deleted_by_kind] == said.state

    @invariant()
    def people_stand_as_the_model_says(self):
        if not hasattr(self, "model"):
            return
        now = timezone.now()
        for who in SENDERS:
            member = Membership.objects.get(event=self.event, user=self.people[who])
            assert (member.removed_at is not None) == self.model.is_out(who)
            for field_name, type in (("muted_until", "mute"), ("suspended_until", "suspend")):
                until, expected = getattr(member, field_name), self.model.until(who, type)
                left = until and until > now and round((until - now) / timedelta(hours=1))
                assert (left or None) == (expected and expected - self.model.now), (who, type)

    @invariant()
    def sanctions_and_appeals_are_as_the_model_says(self):
        if not hasattr(self, "model"):
            return
        assert Sanction.objects.filter(event=self.event).count() == len(self.model.laid)
        for laid in self.model.laid:
            row = Sanction.objects.get(id=laid.id)
            assert (row.type, row.lifted_at is not None) == (laid.type, laid.is_lifted)
            found = Appeal.objects.filter(sanction=row).first()
            assert (found and found.status) == laid.appeal


@pytest.mark.slow
def test_cases_decisions_sanctions_and_appeals_in_any_order(db, figure):
    assert connection.in_atomic_block
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=not IS_LONG,
            suppress_health_check=list(HealthCheck),
        ),
    )
    figure("runs", RUNS)
