"""Lifting, appealing, deciding an appeal; and what stands when one of several is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from api.errors import InvalidState, PermissionDenied
from events import memberships
from messaging import conversations
from moderation import reports
from moderation.models import Appeal, Case, Sanction
from tests.conftest import join
from tests.messaging.conftest import change, membership
from tests.moderation.conftest import appeal, decide, decide_appeal, lift


@pytest.fixture
def mute(cast, case) -> Sanction:
    decide(case, ("mute", 24), by=cast.moderator)
    return Sanction.objects.get()


def another_case(cast, direct, text="Another one") -> Case:
    said = conversations.send(direct.id, text, by=cast.mvp_dealer)
    reports.report(said.id, reason="spam", by=cast.attendee)
    case = Case.objects.get(message=said.id)
    # Of the attendee's, so that two cases are about one person.
    Case.objects.filter(id=case.id).update(sender=cast.attendee)
    case.refresh_from_db()
    return case


def test_lifting_one_leaves_another(cast, direct, mute):
    other = another_case(cast, direct)
    decide(other, ("mute", 5), by=cast.organizer)
    assert membership(cast, cast.attendee).muted_until == mute.ends_at
    lift(mute, by=cast.organizer)
    shorter = Sanction.objects.get(case=other)
    assert membership(cast, cast.attendee).muted_until == shorter.ends_at
    lift(shorter, by=cast.organizer)
    assert membership(cast, cast.attendee).muted_until is None


def test_a_removed_member_comes_back_with_role_and_tags(cast, direct, case):
    change(cast, cast.attendee, tags=["crew"])
    decide(case, "remove_member", by=cast.moderator)
    assert membership(cast, cast.attendee).removed_at is not None
    lift(Sanction.objects.get(), by=cast.organizer)
    back = membership(cast, cast.attendee)
    assert (back.removed_at, back.role, back.tags) == (None, "attendee", ["crew"])


def test_who_was_removed_twice_stays_out_until_both_are_lifted(cast, direct, case):
    other = another_case(cast, direct)
    decide(case, "remove_member", by=cast.moderator)
    decide(other, "remove_member", by=cast.organizer)
    first, second = Sanction.objects.order_by("created_at")
    lift(first, by=cast.staff)
    assert membership(cast, cast.attendee).removed_at is not None
    lift(second, by=cast.staff)
    assert membership(cast, cast.attendee).removed_at is None


def test_lifting_brings_nobody_back_who_was_taken_out_for_something_else(cast, case):
    memberships.remove(membership(cast, cast.attendee), by=cast.staff)
    decide(case, "remove_member", by=cast.moderator)
    lift(Sanction.objects.get(), by=cast.organizer)
    assert membership(cast, cast.attendee).removed_at is not None


def test_lifting_brings_nobody_back_who_has_come_back_and_was_taken_out_again(cast, case):
    decide(case, "remove_member", by=cast.moderator)
    memberships.add(event=cast.event, user=cast.attendee, role="attendee", by=cast.staff)
    memberships.remove(membership(cast, cast.attendee), by=cast.staff)
    lift(Sanction.objects.get(), by=cast.organizer)
    assert membership(cast, cast.attendee).removed_at is not None


def test_lifting_answers_with_the_sanction_and_a_second_time_is_refused(cast, api, denied, mute):
    caller = api(cast.organizer)
    shown = caller.post(f"/sanctions/{mute.id}/lift", {"reason": "Enough"}).json()
    assert shown["lifted_at"] is not None
    assert set(shown) == {
        "id", "event_id", "type", "reason", "starts_at", "ends_at", "lifted_at", "case_id", "appeal"
    }  # fmt: skip
    denied(
        lambda: caller.post(f"/sanctions/{mute.id}/lift", {"reason": "x"}), 409, "invalid_state",
        current_state="lifted",
    )  # fmt: skip


def test_what_has_ended_is_not_lifted(cast, mute):
    start = timezone.now() - timedelta(days=3)
    Sanction.objects.update(starts_at=start, ends_at=start + timedelta(hours=24))
    with pytest.raises(InvalidState) as refused:
        lift(mute, by=cast.organizer)
    assert refused.value.extras == {"current_state": "ended"}


def test_nobody_lifts_their_own(cast, mute):
    change(cast, cast.attendee, role="organizer")
    with pytest.raises(PermissionDenied) as refused:
        lift(mute, by=cast.attendee)
    assert refused.value.extras == {"reason": "own_decision"}


STEPS = [
    ("lift", {"reason": "x"}),
    ("appeal", {"text": "x"}),
    ("appeal/decide", {"decision": "granted", "note": ""}),
]


@pytest.mark.parametrize(("step", "body"), STEPS)
@pytest.mark.parametrize("who", ["attendee_2", "dealer", "mvp_dealer", "stranger", "removed"])
def test_a_sanction_on_somebody_else_is_not_there(cast, api, denied, mute, step, body, who):
    caller = api(getattr(cast, who))
    known = denied(lambda: caller.post(f"/sanctions/{mute.id}/{step}", body), 404, "not_found")
    unknown = denied(lambda: caller.post(f"/sanctions/{cast.event.id}/{step}", body), 404, "not_found")
    assert {**known, "request_id": ""} == {**unknown, "request_id": ""}


@pytest.mark.parametrize(("step", "body"), [STEPS[0], STEPS[2]])
def test_the_sanctioned_see_it_but_do_not_decide(cast, api, denied, mute, step, body):
    caller = api(cast.attendee)
    denied(lambda: caller.post(f"/sanctions/{mute.id}/{step}", body), 403, "permission_denied", reason="role")


@pytest.mark.parametrize("who", ["organizer", "moderator", "staff"])
def test_moderators_do_not_appeal_for_others(cast, api, denied, mute, who):
    caller = api(getattr(cast, who))
    denied(lambda: caller.post(f"/sanctions/{mute.id}/appeal", {"text": "x"}), 403, "permission_denied", reason="role")


@pytest.mark.parametrize("state", ["muted", "suspended", "removed"])
def test_an_appeal_is_made_once_also_while_suspended_or_removed(cast, api, denied, mute, state):
    now = timezone.now()
    values = {"suspended": {"suspended_until": now + timedelta(days=1)}, "removed": {"removed_at": now}}
    change(cast, cast.attendee, **values.get(state, {}))
    caller = api(cast.attendee)
    answer = caller.post(f"/sanctions/{mute.id}/appeal", {"text": "It was not me"})
    assert answer.status_code == 201
    made = Appeal.objects.get()
    moment = made.created_at.isoformat().replace("+00:00", "Z")
    shown = {"text": "It was not me", "status": "pending", "created_at": moment, "decided_at": None}
    assert answer.json()["appeal"] == shown
    (mine,) = caller.get("/sanctions").json()["items"]
    assert mine["appeal"] == shown
    denied(
        lambda: caller.post(f"/sanctions/{mute.id}/appeal", {"text": "x"}), 409, "invalid_state",
        current_state="pending",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("age", "is_taken"), [(timedelta(days=19, hours=23), True), (timedelta(days=20, minutes=1), False)]
)
def test_an_appeal_has_twenty_days(cast, mute, age, is_taken):
    Sanction.objects.update(starts_at=timezone.now() - age)
    if is_taken:
        appeal(mute, by=cast.attendee)
    else:
        with pytest.raises(InvalidState) as refused:
            appeal(mute, by=cast.attendee)
        assert refused.value.extras == {"current_state": "too_late"}
    assert Appeal.objects.count() == is_taken


def test_another_moderator_grants_and_the_sanction_is_gone(cast, api, denied, mute):
    appeal(mute, by=cast.attendee)
    body = {"decision": "granted", "note": "Right."}
    own, other = api(cast.moderator), api(cast.organizer)
    denied(
        lambda: own.post(f"/sanctions/{mute.id}/appeal/decide", body), 403, "permission_denied", reason="own_decision"
    )
    shown = other.post(f"/sanctions/{mute.id}/appeal/decide", body).json()
    assert shown["appeal"]["status"] == "granted"
    assert shown["lifted_at"] == shown["appeal"]["decided_at"]
    assert membership(cast, cast.attendee).muted_until is None
    denied(
        lambda: other.post(f"/sanctions/{mute.id}/appeal/decide", body), 409, "invalid_state", current_state="granted"
    )


def test_rejected_it_stands(cast, mute):
    appeal(mute, by=cast.attendee)
    assert decide_appeal(mute, "rejected", by=cast.staff).appeal.status == "rejected"
    assert membership(cast, cast.attendee).muted_until == mute.ends_at


def test_without_an_appeal_there_is_nothing_to_decide(cast, mute):
    with pytest.raises(InvalidState) as refused:
        decide_appeal(mute, "granted", by=cast.organizer)
    assert refused.value.extras == {"current_state": "not_appealed"}


def test_lifting_grants_an_appeal_that_waits_also_by_the_sanctions_own_moderator(cast, mute):
    appeal(mute, by=cast.attendee)
    shown = lift(mute, by=cast.moderator)
    assert (shown.appeal.status, shown.appeal.decided_by) == ("granted", None)


def test_the_appellant_does_not_decide_whatever_they_are(cast, mute):
    appeal(mute, by=cast.attendee)
    change(cast, cast.attendee, role="moderator")
    with pytest.raises(PermissionDenied) as refused:
        decide_appeal(mute, "granted", by=cast.attendee)
    assert refused.value.extras == {"reason": "own_decision"}


@pytest.mark.parametrize("who", ["moderator", "attendee"])
def test_the_database_holds_that_another_decides(cast, mute, who):
    appeal(mute, by=cast.attendee)
    with pytest.raises(DatabaseError, match="appeal_is_decided_by_another"), transaction.atomic():
        Appeal.objects.update(status="granted", decided_at=timezone.now(), decided_by=getattr(cast, who))


def test_sanctions_are_my_own_in_all_events(cast, api, mute):
    assert [one["id"] for one in api(cast.attendee).get("/sanctions").json()["items"]] == [str(mute.id)]
    for who in (cast.mvp_dealer, cast.moderator, cast.staff):
        assert api(who).get("/sanctions").json()["items"] == []


def test_a_muted_member_of_staff_still_moderates(cast, case):
    join(cast.event, cast.staff, "attendee", muted_until=timezone.now() + timedelta(hours=1))
    assert decide(case, "warn", by=cast.staff).status == "actioned"
