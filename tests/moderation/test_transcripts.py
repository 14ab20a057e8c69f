"""Reading more of a private conversation: deliberate, with a reason, and never without a row."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from accounts.models import AuditEntry
from messaging import conversations, messages, publishing
from moderation import reports
from moderation.models import Case, Report, TranscriptLook

BODY = {"reason": "The report speaks of threats the day before"}


def test_a_look_is_a_page_and_a_row_named_in_the_audit(cast, api, direct, said, case, figure):
    caller = api(cast.moderator)
    page = caller.post(f"/moderation/reports/{Report.objects.get().id}/transcript?limit=1", BODY).json()
    assert [one["content"] for one in page["items"]] == ["Give me your phone number"]
    rest = caller.post(f"/moderation/reports/{case.id}/transcript?cursor={page['next_cursor']}", BODY).json()
    assert ([one["content"] for one in rest["items"]], rest["next_cursor"]) == (["Hello"], None)
    looks = list(TranscriptLook.objects.order_by("created_at"))
    assert [(look.moderator_id, look.reason, look.messages) for look in looks] == [
        (cast.moderator.id, BODY["reason"], 1)
    ] * 2
    entries = AuditEntry.objects.filter(action="transcript_read").order_by("at", "id")
    figure("looks", 2)
    figure("looks without a row", 2 - entries.count())
    assert [entry.object_id for entry in entries] == [str(look.id) for look in looks]
    assert {entry.data["case_id"] for entry in entries} == {str(case.id)}
    # The reason is a text: it stands in the row, and not in the audit.
    assert all("threats" not in str(entry.data) for entry in entries)


def test_it_shows_placeholders_and_what_is_held(cast, api, direct, said, case):
    from django.utils import timezone

    from messaging.models import Message

    held = conversations.send(direct.id, "Held back", by=cast.attendee)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    messages.delete(said.id, by=cast.attendee)
    page = api(cast.staff).post(f"/moderation/reports/{case.id}/transcript", BODY).json()
    assert [(one["content"], one["is_held"]) for one in page["items"]] == [
        ("Held back", True),
        ("This message was deleted.", False),
        ("Hello", False),
    ]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 1001}])
def test_without_a_reason_there_is_none(cast, api, denied, case, body):
    caller = api(cast.moderator)
    denied(lambda: caller.post(f"/moderation/reports/{case.id}/transcript", body), 400, "validation_error")


@pytest.mark.parametrize("who", ["attendee", "mvp_dealer", "dealer", "stranger", "removed"])
def test_others_are_told_that_there_is_no_such_case(cast, api, denied, case, who):
    caller = api(getattr(cast, who))
    denied(lambda: caller.post(f"/moderation/reports/{case.id}/transcript", BODY), 404, "not_found")


def test_an_announcement_stands_in_no_conversation(cast, api, denied):
    message = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Hear this"
    )
    reports.report(message.id, reason="spam", by=cast.attendee)
    caller = api(cast.moderator)
    denied(
        lambda: caller.post(f"/moderation/reports/{Case.objects.get().id}/transcript", BODY), 409, "invalid_state",
        current_state="announcement",
    )  # fmt: skip


def test_without_its_row_there_is_no_answer(cast, api, case, figure, monkeypatch):
    """One transaction: where the look cannot be kept, nothing is shown."""

    def fail(**_):
        raise DatabaseError("in the middle")

    monkeypatch.setattr(TranscriptLook.objects, "create", fail)
    answer = api(cast.moderator).post(f"/moderation/reports/{case.id}/transcript", BODY)
    figure("looks without a row", int(b"phone number" in answer.content))
    assert answer.status_code >= 500
    assert b"phone number" not in answer.content


def test_looks_are_never_changed(cast, api, case):
    api(cast.moderator).post(f"/moderation/reports/{case.id}/transcript", BODY)
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        TranscriptLook.objects.update(reason="other")
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        TranscriptLook.objects.all()._raw_delete("default")
