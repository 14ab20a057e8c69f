"""POST /messages/{id}/reports and GET /reports."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from messaging import conversations, messages, publishing
from messaging.models import LogEntry, Message
from moderation import evidence, reports
from moderation.models import Case, Evidence, Report
from tests.messaging.conftest import change
from tests.moderation.conftest import decide, edit, rows

BODY = {"reason": "scam", "details": "Tickets at four times their price"}


def test_a_report_answers_with_itself_and_opens_a_case(cast, api, said):
    answer = api(cast.mvp_dealer).post(f"/messages/{said.id}/reports", BODY)
    assert answer.status_code == 201
    made = Report.objects.get()
    assert answer.json() == {
        "id": str(made.id),
        "message_id": str(said.id),
        "reason": "scam",
        "details": BODY["details"],
        "status": "pending",
        "created_at": made.created_at.isoformat().replace("+00:00", "Z"),
        "decided_at": None,
        "outcome": None,
    }
    case = Case.objects.get()
    assert (case.event_id, case.message_id, case.sender_id) == (cast.event.id, said.id, cast.attendee.id)
    assert rows() == {"Case": 1, "Report": 1, "Sanction": 0, "Appeal": 0}
    assert [entry.action for entry in AuditEntry.objects.order_by("at", "id")][-2:] == [
        "case_opened",
        "message_reported",
    ]


def test_details_may_be_left_out(cast, api, said):
    for body in ({"reason": "other"}, {"reason": "other", "details": None}):
        with transaction.atomic():
            assert api(cast.mvp_dealer).post(f"/messages/{said.id}/reports", body).json()["details"] is None
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/reason"),
        ({"reason": "rude"}, "#/reason"),
        ({"reason": 1}, "#/reason"),
        ({"reason": "spam", "details": ""}, "#/details"),
        ({"reason": "spam", "details": "x" * 1001}, "#/details"),
        ({"reason": "spam", "details": "a\u202eb"}, "#/details"),
        ({"reason": "spam", "colour": "red"}, "#/colour"),
    ],
)
def test_a_wrong_body_is_refused(cast, api, denied, said, body, pointer):
    caller = api(cast.mvp_dealer)
    told = denied(lambda: caller.post(f"/messages/{said.id}/reports", body), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == [pointer]


def test_a_second_one_of_mine_is_refused_and_another_persons_joins_the_case(cast, api, denied, group):
    told = conversations.send(group.id, "Buy here", by=cast.organizer)
    first, second = api(cast.attendee), api(cast.dealer)
    assert first.post(f"/messages/{told.id}/reports", BODY).status_code == 201
    denied(lambda: first.post(f"/messages/{told.id}/reports", BODY), 409, "invalid_state", current_state="pending")
    assert second.post(f"/messages/{told.id}/reports", {"reason": "spam"}).status_code == 201
    assert rows() == {"Case": 1, "Report": 2, "Sanction": 0, "Appeal": 0}


@pytest.mark.parametrize("who", ["attendee_2", "dealer", "organizer", "moderator", "stranger", "staff", "removed"])
def test_who_does_not_see_it_is_answered_as_if_there_were_none(cast, api, denied, said, who):
    caller = api(getattr(cast, who))
    known = denied(lambda: caller.post(f"/messages/{said.id}/reports", BODY), 404, "not_found")
    unknown = denied(lambda: caller.post(f"/messages/{cast.event.id}/reports", BODY), 404, "not_found")
    assert {**known, "request_id": ""} == {**unknown, "request_id": ""}


@pytest.mark.parametrize(
    ("tags", "roles", "who", "status"),
    [
        ([], [], "attendee", 201),
        ([], ["dealer"], "attendee", 404),
        (["crew"], [], "attendee", 404),
        (["crew"], [], "dealer", 201),
        ([], [], "removed", 404),
    ],
)
def test_announcements_and_channel_posts_are_reported_by_whom_they_concern(cast, api, tags, roles, who, status):
    change(cast, cast.dealer, tags=["crew"])
    kind = "channel" if tags else "announcement"
    message = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type=kind, content="Hear this", roles=roles, tags=tags
    )
    answer = api(getattr(cast, who)).post(f"/messages/{message.id}/reports", BODY)
    assert answer.status_code == status
    if status == 201:
        shown = evidence.shown(Evidence.objects.get(), cast.staff)
        assert (shown["message"]["content"], shown["context"]) == ("Hear this", [])


def test_what_was_delivered_can_be_reported_after_the_tag_is_gone(cast, api):
    change(cast, cast.dealer, tags=["crew"])
    at_large = {"by": cast.organizer, "event_id": cast.event.id, "message_type": "channel", "content": "Hear this"}
    message = publishing.publish(**at_large, tags=["crew"])
    publishing.deliver_all(message)
    change(cast, cast.dealer, tags=[])
    assert api(cast.dealer).post(f"/messages/{message.id}/reports", BODY).status_code == 201


def test_a_help_message_can_be_reported(cast, api, help_request):
    offer = conversations.offer_help(help_request.id, "I have some tape.", by=cast.attendee_2)
    assert api(cast.dealer).post(f"/messages/{offer.message.id}/reports", BODY).status_code == 201


def test_the_suspended_report_nothing_and_the_muted_do(cast, api, denied, said):
    later = timezone.now() + timedelta(hours=1)
    caller = api(cast.mvp_dealer)
    change(cast, cast.mvp_dealer, suspended_until=later)
    denied(lambda: caller.post(f"/messages/{said.id}/reports", BODY), 403, "permission_denied", reason="suspended")
    change(cast, cast.mvp_dealer, suspended_until=None, muted_until=later)
    assert caller.post(f"/messages/{said.id}/reports", BODY).status_code == 201


def test_who_lost_reporting_is_told_so(cast, api, denied, case, group):
    decide(case, "revoke_reporting", by=cast.moderator)
    told = conversations.send(group.id, "Welcome again", by=cast.organizer)
    caller = api(cast.attendee)
    denied(
        lambda: caller.post(f"/messages/{told.id}/reports", BODY),
        403,
        "permission_denied",
        reason="reporting_revoked",
    )


# --- Evidence --------------------------------------------------------------------------------


def test_evidence_is_the_text_and_up_to_ten_messages_before_it(cast, direct):
    earlier = [conversations.send(direct.id, f"Number {number}", by=cast.attendee) for number in range(12)]
    said = conversations.send(direct.id, "The one", by=cast.attendee)
    conversations.send(direct.id, "Later", by=cast.mvp_dealer)
    messages.delete(earlier[-1].id, by=cast.attendee)
    reports.report(said.id, reason="spam", by=cast.mvp_dealer)
    shown = evidence.shown(Evidence.objects.get(), cast.staff)
    texts = [f"Number {number}" for number in range(2, 11)]
    assert [one["content"] for one in shown["context"]] == [*texts, "This message was deleted."]
    assert shown["message"]["content"] == "The one"
    assert (shown["message"]["sender_id"], shown["message"]["sender_name"]) == (str(cast.attendee.id), "Attendee")


def test_evidence_stays_when_the_message_is_edited_deleted_and_its_sender_renamed(cast, said, case):
    before = evidence.shown(case.evidence, cast.staff)
    edit(said.id, "Nothing at all")
    messages.delete(said.id, by=cast.attendee)
    cast.attendee.name = "Former member"
    cast.attendee.is_active = False
    cast.attendee.save()
    assert evidence.shown(Evidence.objects.get(), cast.staff) == before
    assert before["message"]["content"] == "Give me your phone number"


def test_a_deleted_message_is_kept_with_its_text(cast, said):
    messages.delete(said.id, by=cast.attendee)
    reports.report(said.id, reason="harassment", by=cast.mvp_dealer)
    frozen = evidence.shown(Evidence.objects.get(), cast.staff)["message"]
    assert (frozen["content"], frozen["is_deleted"]) == ("Give me your phone number", True)


def test_the_hash_can_be_worked_out_from_what_is_shown(cast, case):
    shown = json.loads(json.dumps(evidence.shown(case.evidence, cast.staff), default=str))
    claimed = shown.pop("sha256")
    for message in (shown["message"], *shown["context"]):
        del message["is_own_message"]
    body = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(body.encode()).hexdigest() == claimed


@pytest.mark.parametrize(
    "change_it",
    [
        lambda: Evidence.objects.update(body="{}"),
        lambda: Evidence.objects.all()._raw_delete("default"),
        lambda: Report.objects.update(reason="other"),
        lambda: Report.objects.update(details=None),
        lambda: Report.objects.all()._raw_delete("default"),
    ],
)
def test_neither_evidence_nor_what_was_said_in_a_report_changes(case, change_it):
    with pytest.raises(DatabaseError, match="only ever added to|stays as it is"), transaction.atomic():
        change_it()


def test_a_hash_that_is_not_of_the_text_is_refused(case):
    with pytest.raises(DatabaseError, match="evidence_hash_is_true"), transaction.atomic():
        Evidence.objects.create(message_id=case.message_id, body="{}", sha256=b"x" * 32, frozen_at=timezone.now())


# --- What the reporter hears -----------------------------------------------------------------


def test_the_reporter_finds_status_and_outcome(cast, api, case):
    caller = api(cast.mvp_dealer)
    assert [(one["status"], one["outcome"]) for one in caller.get("/reports").json()["items"]] == [("pending", None)]
    decide(case, "warn", by=cast.moderator)
    (mine,) = caller.get("/reports").json()["items"]
    assert (mine["status"], mine["outcome"]) == ("actioned", "actioned")
    assert mine["decided_at"] is not None
    for other in (cast.attendee, cast.moderator, cast.staff):
        assert api(other).get("/reports").json() == {"items": [], "next_cursor": None}


def test_the_stream_tells_the_reporter_of_each_step(cast, case):
    from tests.moderation.conftest import claim

    claim(case, by=cast.moderator)
    decide(case, by=cast.moderator)
    report = Report.objects.get()
    told = LogEntry.objects.filter(kind="report.updated").order_by("id")
    assert [(entry.user_id, entry.event_id, entry.conversation_id, entry.data) for entry in told] == [
        (cast.mvp_dealer.id, cast.event.id, None, {"report_id": str(report.id), "status": status, "outcome": outcome})
        for status, outcome in [("reviewed", None), ("dismissed", "dismissed")]
    ]


def test_my_reports_come_in_pages_newest_first(cast, api, direct):
    for number in range(3):
        message = conversations.send(direct.id, f"Number {number}", by=cast.attendee)
        reports.report(message.id, reason="spam", by=cast.mvp_dealer)
    caller = api(cast.mvp_dealer)
    first = caller.get("/reports?limit=2").json()
    second = caller.get(f"/reports?limit=2&cursor={first['next_cursor']}").json()
    found = [one["message_id"] for one in (*first["items"], *second["items"])]
    sent = Message.objects.filter(content__startswith="Number").order_by("-created_at").values_list("id", flat=True)
    assert found == [str(one) for one in sent]
    assert second["next_cursor"] is None


def test_a_key_makes_a_repeat_harmless(cast, api, said):
    caller = api(cast.mvp_dealer)
    answers = [caller.post(f"/messages/{said.id}/reports", BODY, Idempotency_Key="report-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert rows()["Report"] == 1
