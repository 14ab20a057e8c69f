"""Many at every step, each with a thread, a connection and a transaction of its own: one wins, the others are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from messaging import conversations
from messaging.models import Delivery, Message, Removal
from moderation import reports
from moderation.models import Appeal, Case, Decision, Evidence, Report, Sanction
from tests.conftest import Caller, join, make_user
from tests.messaging.conftest import membership
from tests.moderation.conftest import active_hold, claim, decide, edit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ROUNDS = 5


@pytest.fixture
def people(transactional_db, cast):
    return cast


def at_once(calls: Sequence[Callable]) -> list:
    gate = Barrier(len(calls))

    def run(call):
        connection.ensure_connection()
        gate.wait()
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def outcome(answers) -> Counter:
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "invalid_state"
    return Counter(answer.status_code for answer in answers)


def reported(cast, direct, number: int) -> Case:
    said = conversations.send(direct.id, f"Number {number}", by=cast.attendee)
    reports.report(said.id, reason="spam", by=cast.mvp_dealer)
    return Case.objects.get(message=said.id)


@pytest.fixture
def moderators(people):
    """Three, each with a token that this process has met."""
    callers = [Caller(person) for person in (people.moderator, people.organizer, people.staff)]
    for caller in callers:
        assert caller.get("/me").status_code == 200
    return callers


def test_of_three_claims_one_wins(people, direct, moderators):
    for number in range(ROUNDS):
        case = reported(people, direct, number)
        address = f"/moderation/reports/{case.id}/claim"
        answers = at_once([lambda one=one: one.post(address) for one in moderators])  # noqa: B023
        assert outcome(answers) == {200: 1, 409: 2}
        case.refresh_from_db()
        (won,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert (won["claimed_by"], case.version) == (str(case.claimed_by_id), 2)


def test_of_three_decisions_one_wins_and_its_actions_alone_are_done(people, direct, moderators):
    for number in range(ROUNDS):
        case = reported(people, direct, number)
        body = {
            "decision": "actioned",
            "actions": [{"type": "remove_message"}, {"type": "warn"}],
            "note": "",
            "version": 1,
        }
        answers = at_once(
            [lambda one=one: one.post(f"/moderation/reports/{case.id}/decide", body) for one in moderators]  # noqa: B023
        )
        assert outcome(answers) == {200: 1, 409: 2}
        assert Decision.objects.filter(case=case).count() == Sanction.objects.filter(case=case).count() == 1
        assert Removal.objects.filter(message=case.message_id).count() == 1


def test_of_a_claim_and_a_decision_one_wins(people, direct, moderators):
    for number in range(ROUNDS):
        case = reported(people, direct, number)
        body = {"decision": "dismissed", "actions": [], "note": "", "version": 1}
        first, second, _ = moderators
        answers = at_once(
            [
                lambda: first.post(f"/moderation/reports/{case.id}/claim"),  # noqa: B023
                lambda: second.post(f"/moderation/reports/{case.id}/decide", body),  # noqa: B023
            ]
        )
        assert outcome(answers) == {200: 1, 409: 1}


def test_a_decision_and_a_removal_of_its_message_never_wait_for_each_other(people, direct, moderators):
    for number in range(ROUNDS):
        case = reported(people, direct, number)
        body = {"decision": "actioned", "actions": [{"type": "remove_message"}], "note": "", "version": 1}
        first, second, _ = moderators
        decided, removed = at_once(
            [
                lambda: first.post(f"/moderation/reports/{case.id}/decide", body),  # noqa: B023
                lambda: second.post(f"/messages/{case.message_id}/remove", {"reason": "x"}),  # noqa: B023
            ]
        )
        assert (decided.status_code, removed.status_code in (200, 409)) == (200, True)
        assert Removal.objects.filter(message=case.message_id).count() == 1


def test_of_removals_of_one_message_one_opens_a_case(people, direct, moderators):
    said = conversations.send(direct.id, "Tickets", by=people.attendee)
    answers = at_once([lambda one=one: one.post(f"/messages/{said.id}/remove", {"reason": "x"}) for one in moderators])
    assert outcome(answers) == {200: 1, 409: 2}
    assert Case.objects.count() == 1


def test_of_three_lifts_one_wins(people, direct, moderators):
    decide(reported(people, direct, 0), ("mute", 5), by=people.staff)
    sanction = Sanction.objects.get()
    answers = at_once(
        [lambda one=one: one.post(f"/sanctions/{sanction.id}/lift", {"reason": "x"}) for one in moderators]
    )
    assert outcome(answers) == {200: 1, 409: 2}
    assert membership(people, people.attendee).muted_until is None


def test_of_appeals_one_counts_and_of_its_decisions_one(people, direct, moderators):
    decide(reported(people, direct, 0), ("mute", 5), by=people.moderator)
    sanction = Sanction.objects.get()
    mine = [Caller(people.attendee) for _ in range(4)]
    answers = at_once([lambda one=one: one.post(f"/sanctions/{sanction.id}/appeal", {"text": "x"}) for one in mine])
    assert outcome(answers) == {201: 1, 409: 3}
    assert Appeal.objects.count() == 1
    bodies = [{"decision": "granted"}, {"decision": "rejected"}]
    pairs = list(zip(moderators[1:], bodies, strict=True))
    address = f"/sanctions/{sanction.id}/appeal/decide"
    answers = at_once([lambda one=one, body=body: one.post(address, body) for one, body in pairs])
    assert outcome(answers) == {200: 1, 409: 1}
    is_lifted = Appeal.objects.get().status == "granted"
    assert (membership(people, people.attendee).muted_until is None) == is_lifted


def test_two_mutes_at_once_leave_the_later_end(people, direct, moderators):
    cases = [reported(people, direct, number) for number in range(3)]
    hours = [5, 50, 500]
    answers = at_once(
        [
            lambda one=one, case=case, hours=hours: one.post(
                f"/moderation/reports/{case.id}/decide",
                {"decision": "actioned", "actions": [{"type": "mute", "hours": hours}], "note": "", "version": 1},
            )
            for one, case, hours in zip(moderators, cases, hours, strict=True)
        ]
    )
    assert outcome(answers) == {200: 3}
    latest = Sanction.objects.order_by("-ends_at").first()
    assert membership(people, people.attendee).muted_until == latest.ends_at


def test_of_my_reports_at_once_one_counts_and_of_many_peoples_all_in_one_case(people):
    crowd = [make_user(f"reader_{number}") for number in range(8)]
    for person in crowd:
        join(people.event, person)
    from messaging import publishing

    message = publishing.publish(
        by=people.organizer, event_id=people.event.id, message_type="announcement", content="Hear this"
    )
    callers = [Caller(person) for person in crowd]
    calls = [lambda one=one: one.post(f"/messages/{message.id}/reports", {"reason": "spam"}) for one in callers * 2]
    assert outcome(at_once(calls)) == {201: 8, 409: 8}
    assert (Case.objects.count(), Report.objects.count()) == (1, 8)
    assert Evidence.objects.count() >= 8


def test_a_report_after_an_edit_and_a_decision_leave_one_sound_state(people, group, moderators):
    for number in range(ROUNDS):
        said = conversations.send(group.id, f"Number {number}", by=people.organizer)
        reports.report(said.id, reason="spam", by=people.attendee)
        case = Case.objects.get(message=said.id)
        claim(case, by=people.moderator)
        edit(said.id, "Another text")
        dealer = Caller(people.dealer)
        body = {"decision": "dismissed", "actions": [], "note": "", "version": 2}
        decided, again = at_once(
            [
                lambda: moderators[0].post(f"/moderation/reports/{case.id}/decide", body),  # noqa: B023
                lambda: dealer.post(f"/messages/{said.id}/reports", {"reason": "spam"}),  # noqa: B023
            ]
        )
        case.refresh_from_db()
        # Either it was decided first and is open again, or the new text came first and the decision was too late.
        assert again.status_code == 201
        assert (decided.status_code, case.status) in {(200, "pending"), (409, "reviewed")}


def test_of_releases_one_delivers(people, direct, moderators):
    active_hold("tickets")
    said = conversations.send(direct.id, "Tickets", by=people.attendee)
    answers = at_once([lambda one=one: one.post(f"/messages/{said.id}/release") for one in moderators])
    assert outcome(answers) == {200: 1, 409: 2}
    assert Delivery.objects.filter(message=said.id).count() == 1


def test_of_a_flood_at_once_exactly_as_many_pass_as_are_set(people, direct):
    from moderation import content_rules

    rule = content_rules.add(by=None, name="Flood", kind="flood", outcome="refuse", most=5, seconds=600)
    content_rules.try_rule(rule, by=None)
    content_rules.switch_on(rule, by=None)
    callers = [Caller(people.attendee) for _ in range(10)]
    answers = at_once(
        [
            lambda one=one: [one.post(f"/conversations/{direct.id}/messages", {"content": "Hi"}) for _ in range(4)]
            for one in callers
        ]
    )
    statuses = Counter(answer.status_code for several in answers for answer in several)
    assert statuses == {201: 5, 403: 35}
    assert Message.objects.filter(sender=people.attendee).count() == 5


def test_a_rule_that_is_switched_on_counts_for_every_send_that_begins_afterwards(people, direct):
    """Threads that know no rules yet, as other processes would."""
    active_hold("tickets")
    caller = Caller(people.attendee)
    answers = at_once(
        [lambda: caller.post(f"/conversations/{direct.id}/messages", {"content": "Tickets"}) for _ in range(6)]
    )
    assert {answer.json()["is_held"] for answer in answers} == {True}
