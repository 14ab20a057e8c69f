"""POST /moderation/reports/{id}/decide: the actions and what they leave behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from messaging import messages, reads
from messaging.models import Message, Removal
from moderation.models import Case, Decision, Sanction
from tests.messaging.conftest import change, membership
from tests.moderation.conftest import claim, decide, rows


def body(*actions, decision="actioned", version=1, **others):
    return {"decision": decision, "actions": list(actions), "note": "Seen.", "version": version, **others}


def test_several_actions_in_one_decision(cast, api, case):
    actions = [{"type": "remove_message"}, {"type": "warn"}, {"type": "mute", "hours": 24}]
    answer = api(cast.moderator).post(f"/moderation/reports/{case.id}/decide", body(*actions))
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["decision"], shown["version"]) == ("actioned", "actioned", 3)
    assert shown["actions"] == actions
    assert shown["claimed_by"] == shown["decided_by"] == str(cast.moderator.id)
    assert Message.objects.get(id=case.message_id).deleted_by_kind == "moderator"
    assert Removal.objects.get().reason == "Seen."
    assert sorted(Sanction.objects.values_list("type", flat=True)) == ["mute", "warn"]
    mute = Sanction.objects.get(type="mute")
    assert mute.ends_at - mute.starts_at == timedelta(hours=24)
    assert (mute.reason, mute.case_id, mute.moderator_id) == ("harassment", case.id, cast.moderator.id)
    assert membership(cast, cast.attendee).muted_until == mute.ends_at
    acts = AuditEntry.objects.filter(actor_id=cast.moderator.id).values_list("action", flat=True)
    assert sorted(acts) == ["case_claimed", "case_decided", "message_removed", "sanction_imposed", "sanction_imposed"]


def test_a_removal_shows_everywhere_and_unread_follows(cast, case):
    seen = lambda: reads.count_unread(cast.event.id, by=cast.mvp_dealer)  # noqa: E731
    assert seen() == 1
    decide(case, "remove_message", by=cast.moderator)
    assert seen() == 0
    decision = Decision.objects.get()
    assert (decision.note, decision.evidence_id, decision.actions) == (
        "Seen.", case.evidence_id, [{"type": "remove_message"}],
    )  # fmt: skip


def test_a_dismissal_can_restore(cast, case):
    messages.remove(case.message_id, reason="too early", by=cast.organizer)
    from moderation import access, decisions

    decisions.decide(
        access.find_case(case.id, by=cast.moderator),
        decision="dismissed",
        actions=[{"type": "restore_message"}],
        version=1,
        by=cast.moderator,
    )
    assert Message.objects.get(id=case.message_id).deleted_at is None


def test_what_is_fulfilled_already_does_no_harm(cast, case):
    messages.remove(case.message_id, reason="at once", by=cast.organizer)
    decide(case, "remove_message", "remove_member", by=cast.moderator)
    assert membership(cast, cast.attendee).removed_at is not None
    assert Removal.objects.count() == 1


def test_a_message_that_its_sender_deleted_is_not_restored_and_nothing_else_happens(cast, api, denied, case):
    messages.delete(case.message_id, by=cast.attendee)
    caller = api(cast.moderator)
    denied(
        lambda: caller.post(
            f"/moderation/reports/{case.id}/decide", body({"type": "restore_message"}, {"type": "warn"})
        ),
        409,
        "invalid_state",
        current_state="deleted",
    )


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"decision": "actioned", "actions": []}, "#/actions"),
        ({"decision": "dismissed", "actions": [{"type": "warn"}]}, "#/actions"),
        ({"decision": "maybe"}, "#/decision"),
        ({"decision": "actioned", "actions": [{"type": "ban"}]}, "#/actions/0/type"),
        ({"decision": "actioned", "actions": [{"type": "mute"}]}, "#/actions/0/hours"),
        ({"decision": "actioned", "actions": [{"type": "warn", "hours": 3}]}, "#/actions/0/hours"),
        ({"decision": "actioned", "actions": [{"type": "mute", "hours": 0}]}, "#/actions/0/hours"),
        ({"decision": "actioned", "actions": [{"type": "mute", "hours": "24"}]}, "#/actions/0/hours"),
        ({"decision": "actioned", "actions": [{"type": "mute", "hours": 8761}]}, "#/actions/0/hours"),
        ({"decision": "actioned", "actions": [{"type": "warn"}, {"type": "warn"}]}, "#/actions"),
        (
            {"decision": "actioned", "actions": [{"type": "remove_message"}, {"type": "restore_message"}]},
            "#/actions",
        ),
        ({"decision": "dismissed", "version": None}, "#/version"),
        ({"decision": "dismissed", "version": True}, "#/version"),
        ({"decision": "dismissed", "note": "a\u0000"}, "#/note"),
        ({"decision": "dismissed", "reason": "x"}, "#/reason"),
    ],
)
def test_a_wrong_body_is_refused(cast, api, denied, case, sent, pointer):
    caller = api(cast.moderator)
    wrong = {"actions": [], "note": "", "version": 1, **sent}
    told = denied(lambda: caller.post(f"/moderation/reports/{case.id}/decide", wrong), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == [pointer]


def test_an_old_version_anothers_claim_and_a_decided_case_are_refused(cast, api, denied, case):
    claim(case, by=cast.moderator)
    address = f"/moderation/reports/{case.id}/decide"
    dismissal = {"decision": "dismissed", "actions": [], "note": ""}
    mine, others = api(cast.moderator), api(cast.organizer)
    denied(lambda: mine.post(address, {**dismissal, "version": 1}), 409, "invalid_state", current_state="reviewed")
    denied(lambda: others.post(address, {**dismissal, "version": 2}), 409, "invalid_state", current_state="reviewed")
    assert mine.post(address, {**dismissal, "version": 2}).status_code == 200
    denied(lambda: mine.post(address, {**dismissal, "version": 3}), 409, "invalid_state", current_state="dismissed")


@pytest.mark.parametrize("who", ["attendee", "attendee_2", "dealer", "mvp_dealer", "removed", "stranger"])
def test_others_do_not_learn_that_there_is_a_case(cast, api, denied, case, who):
    caller = api(getattr(cast, who))
    known = denied(lambda: caller.post(f"/moderation/reports/{case.id}/decide", body()), 404, "not_found")
    unknown = denied(lambda: caller.post(f"/moderation/reports/{cast.event.id}/decide", body()), 404, "not_found")
    assert {**known, "request_id": ""} == {**unknown, "request_id": ""}


def test_organizers_moderators_and_staff_decide_in_their_event(cast, api, case):
    from django.db import transaction

    for who in (cast.organizer, cast.moderator, cast.staff):
        with transaction.atomic():
            answer = api(who).post(f"/moderation/reports/{case.id}/decide", body({"type": "suspend", "hours": 1}))
            assert answer.status_code == 200
            transaction.set_rollback(True)


def test_a_failure_in_the_last_action_takes_everything_back(cast, monkeypatch, case):
    """One transaction: a decision is whole or not there."""
    from moderation import decisions, sanctions

    def fail(*_, **__):
        raise RuntimeError("in the middle")

    claim(case, by=cast.moderator)
    before = rows()
    monkeypatch.setattr(sanctions, "impose", fail)
    with pytest.raises(RuntimeError):
        decide(case, "remove_message", "warn", by=cast.moderator)
    assert decisions
    case.refresh_from_db()
    assert (case.status, rows(), Decision.objects.count()) == ("reviewed", before, 0)
    assert Message.objects.get(id=case.message_id).deleted_at is None


def test_the_sanctioned_find_out_why_and_until_when(cast, api, refused, direct, case):
    decide(case, ("mute", 5), ("suspend", 2), by=cast.moderator)
    caller = api(cast.attendee)
    shown = {one["type"]: one for one in caller.get("/sanctions").json()["items"]}
    capable = caller.get(f"/events/{cast.event.id}/capabilities").json()
    assert capable["muted_until"] == shown["mute"]["ends_at"]
    assert capable["suspended_until"] == shown["suspend"]["ends_at"]
    assert shown["mute"]["reason"] == "harassment"
    told = refused(
        caller.post(f"/conversations/{direct.id}/messages", {"content": "Hi"}), 403, "permission_denied",
        reason="suspended",
    )  # fmt: skip
    assert told["until"] == shown["suspend"]["ends_at"]


def test_sanctions_end_by_their_time_alone(cast, api, direct, case):
    decide(case, ("mute", 1), by=cast.moderator)
    # An hour and a second pass: nothing else has to run.
    shift = timedelta(hours=1, seconds=1)
    until = membership(cast, cast.attendee).muted_until
    change(cast, cast.attendee, muted_until=until - shift)
    assert until > timezone.now()
    assert api(cast.attendee).post(f"/conversations/{direct.id}/messages", {"content": "Hi"}).status_code == 201


def test_the_queue_shows_what_was_decided(cast, api, case):
    decide(case, "warn", by=cast.moderator)
    (shown,) = api(cast.staff).get("/moderation/reports?status=actioned").json()["items"]
    assert shown["decision"] == "actioned"
    assert Case.objects.get().decided_at is not None
