"""GET /moderation/reports, claiming, reopening, and what opens a case by itself."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry
from api.errors import InvalidState
from messaging import conversations, messages, publishing
from messaging.models import LogEntry
from moderation import access, cases, evidence, reports
from moderation.models import Case, Report
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change
from tests.moderation.conftest import claim, decide, edit, rows


def test_a_case_is_shown_whole(cast, api, case):
    (shown,) = api(cast.moderator).get("/moderation/reports").json()["items"]
    report = Report.objects.get()
    assert shown == {
        "id": str(case.id),
        "event_id": str(cast.event.id),
        "status": "pending",
        "version": 1,
        "reasons": {"harassment": 1},
        "report_ids": [str(report.id)],
        "first_reported_at": case.first_reported_at.isoformat().replace("+00:00", "Z"),
        "claimed_by": None,
        "claimed_at": None,
        "evidence": evidence.shown(case.evidence, cast.moderator),
        "decision": None,
        "actions": [],
        "decided_by": None,
        "decided_at": None,
    }
    assert shown["evidence"]["message"]["content"] == "Give me your phone number"
    assert [one["content"] for one in shown["evidence"]["context"]] == ["Hello"]


def test_the_queue_is_oldest_first_in_pages_and_by_status_and_event(cast, api, direct):
    other = make_event("other")
    join(other, cast.attendee)
    host = make_user("host")
    join(other, host, "organizer")
    made = []
    for number in range(3):
        message = conversations.send(direct.id, f"Number {number}", by=cast.attendee)
        made.append(str(reports.report(message.id, reason="spam", by=cast.mvp_dealer).case_id))
    away = publishing.publish(by=host, event_id=other.id, message_type="announcement", content="Elsewhere")
    elsewhere = str(reports.report(away.id, reason="spam", by=cast.attendee).case_id)
    decide(Case.objects.get(id=made[1]), by=cast.moderator)

    def ids(caller, query=""):
        return [one["id"] for one in caller.get(f"/moderation/reports{query}").json()["items"]]

    moderator, staff, organizer = api(cast.moderator), api(cast.staff), api(host)
    assert ids(moderator) == made
    assert ids(staff) == [*made, elsewhere]
    assert ids(organizer) == [elsewhere]
    assert ids(staff, f"?event={other.id}") == [elsewhere]
    assert ids(moderator, "?status=dismissed") == [made[1]]
    first = moderator.get("/moderation/reports?limit=2").json()
    assert [one["id"] for one in first["items"]] == made[:2]
    assert ids(moderator, f"?limit=2&cursor={first['next_cursor']}") == made[2:]


def test_the_list_takes_the_same_number_of_queries_however_long_it_is(cast, api, direct):
    caller = api(cast.moderator)

    def asked(expected: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(caller.get("/moderation/reports").json()["items"]) == expected
        return len(queries)

    def report(number: int) -> None:
        message = conversations.send(direct.id, f"Number {number}", by=cast.attendee)
        reports.report(message.id, reason="spam", by=cast.mvp_dealer)

    report(0)
    asked(1)
    few = asked(1)
    for number in range(1, 12):
        report(number)
    assert asked(12) == few


def test_a_wrong_query_is_told_field_by_field(cast, api, denied):
    caller = api(cast.moderator)
    told = denied(lambda: caller.get("/moderation/reports?status=new&event=x&limit=0"), 400, "validation_error")
    assert sorted(error["pointer"] for error in told["errors"]) == ["?event", "?limit", "?status"]


def test_claiming_says_who_and_when_by_either_id(cast, api, case):
    report = Report.objects.get()
    shown = api(cast.moderator).post(f"/moderation/reports/{report.id}/claim").json()
    case.refresh_from_db()
    assert (shown["id"], shown["status"], shown["version"]) == (str(case.id), "reviewed", 2)
    assert shown["claimed_by"] == str(cast.moderator.id)
    assert shown["claimed_at"] == case.claimed_at.isoformat().replace("+00:00", "Z")
    again = api(cast.moderator).post(f"/moderation/reports/{case.id}/claim")
    assert (again.status_code, again.json()) == (200, shown)


def test_anothers_claim_and_a_decided_case_are_refused(cast, api, denied, case):
    claim(case, by=cast.moderator)
    caller = api(cast.organizer)
    address = f"/moderation/reports/{case.id}/claim"
    denied(lambda: caller.post(address), 409, "invalid_state", current_state="reviewed")
    decide(case, by=cast.moderator)
    for who in (cast.organizer, cast.moderator):
        later = api(who)
        denied(lambda caller=later: caller.post(address), 409, "invalid_state", current_state="dismissed")


def test_a_claim_is_handed_back_by_its_moderator_or_staff(cast, case):
    claim(case, by=cast.moderator)
    with pytest.raises(InvalidState):
        cases.hand_back(access.find_case(case.id, by=cast.organizer), by=cast.organizer)
    back = cases.hand_back(access.find_case(case.id, by=cast.staff), by=cast.staff)
    assert (back.status, back.claimed_by, back.version) == ("pending", None, 3)
    assert claim(case, by=cast.organizer).claimed_by_id == cast.organizer.id


def test_a_reporter_may_know_of_the_case_but_not_work_on_it(cast, api, denied, case):
    report = Report.objects.get()
    body = {"decision": "dismissed", "actions": [], "note": "", "version": 1}
    caller = api(cast.mvp_dealer)
    for step, sent in (("claim", None), ("decide", body), ("transcript", {"reason": "x"})):
        address = f"/moderation/reports/{report.id}/{step}"
        denied(lambda: caller.post(address, sent), 403, "permission_denied", reason="role")  # noqa: B023
        denied(lambda: caller.post(f"/moderation/reports/{case.id}/{step}", sent), 404, "not_found")  # noqa: B023


def test_a_suspended_moderator_moderates_nothing(cast, api, denied, case):
    change(cast, cast.moderator, suspended_until=timezone.now() + timezone.timedelta(hours=1))
    caller = api(cast.moderator)
    for address in ("/moderation/reports", f"/moderation/reports?event={cast.event.id}"):
        denied(lambda: caller.get(address), 403, "permission_denied", reason="suspended")  # noqa: B023
    denied(lambda: caller.post(f"/moderation/reports/{case.id}/claim"), 403, "permission_denied", reason="suspended")


# --- Reopening -------------------------------------------------------------------------------


@pytest.fixture
def reported(cast, group):
    """The organizer's message in the group, reported by the attendee; the dealer can report it as well."""
    said = conversations.send(group.id, "Meet me outside", by=cast.organizer)
    reports.report(said.id, reason="other", by=cast.attendee)
    return Case.objects.get()


def test_a_new_report_after_an_edit_reopens_a_decided_case(cast, reported):
    before = reported.evidence_id
    decide(reported, by=cast.moderator)
    edit(reported.message_id, "Meet me outside or else")
    made = reports.report(reported.message_id, reason="violence", by=cast.dealer)
    reported.refresh_from_db()
    assert (reported.status, reported.version, reported.decision) == ("pending", 4, None)
    assert (reported.claimed_by, reported.decided_by, reported.actions) == (None, None, [])
    assert reported.evidence_id == made.evidence_id != before
    assert evidence.text(reported.evidence) == "Meet me outside or else"
    assert {one.status for one in Report.objects.all()} == {"pending"}
    assert reported.decisions.count() == 1
    assert AuditEntry.objects.filter(action="case_reopened", object_id=str(reported.id)).count() == 1
    told = LogEntry.objects.filter(kind="report.updated", user_id=cast.attendee.id).order_by("id")
    assert [entry.data["status"] for entry in told] == ["dismissed", "pending"]


def test_without_an_edit_it_stays_decided_and_the_new_report_says_so(cast, reported):
    decide(reported, by=cast.moderator)
    made = reports.report(reported.message_id, reason="violence", by=cast.dealer)
    assert (made.status, made.outcome) == ("dismissed", "dismissed")
    reported.refresh_from_db()
    assert reported.status == "dismissed"


def test_the_same_reporter_reopens_nothing(cast, api, denied, reported):
    decide(reported, by=cast.moderator)
    edit(reported.message_id, "Meet me outside or else")
    caller = api(cast.attendee)
    denied(
        lambda: caller.post(f"/messages/{reported.message_id}/reports", {"reason": "spam"}),
        409,
        "invalid_state",
        current_state="dismissed",
    )


def test_an_edit_while_a_case_is_open_makes_the_version_that_was_looked_at_old(cast, reported):
    claim(reported, by=cast.moderator)
    edit(reported.message_id, "Meet me outside or else")
    reports.report(reported.message_id, reason="violence", by=cast.dealer)
    with pytest.raises(InvalidState) as refused:
        decide(reported, by=cast.moderator, version=2)
    assert refused.value.extras == {"current_state": "reviewed"}
    assert decide(reported, by=cast.moderator).status == "dismissed"


# --- What opens a case by itself -------------------------------------------------------------


def test_a_moderators_removal_opens_a_case(cast, api, said):
    api(cast.organizer).post(f"/messages/{said.id}/remove", {"reason": "off topic"})
    case = Case.objects.get()
    assert (case.status, case.message_id, case.sender_id) == ("pending", said.id, cast.attendee.id)
    assert evidence.text(case.evidence) == "Give me your phone number"
    (shown,) = api(cast.moderator).get("/moderation/reports").json()["items"]
    assert (shown["reasons"], shown["report_ids"]) == ({}, [])
    messages.restore(said.id, by=cast.organizer)
    messages.remove(said.id, reason="after all", by=cast.organizer)
    assert rows() == {"Case": 1, "Report": 0, "Sanction": 0, "Appeal": 0}


def test_a_removal_that_was_decided_opens_no_other(cast, case):
    decide(case, "remove_message", by=cast.moderator)
    assert Case.objects.count() == 1


def test_a_removal_of_what_is_decided_leaves_the_case_as_it_is(cast, case):
    decide(case, by=cast.moderator)
    messages.remove(case.message_id, reason="after all", by=cast.organizer)
    case.refresh_from_db()
    assert case.status == "dismissed"
