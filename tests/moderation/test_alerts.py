"""New cases are told of by webhook and e-mail, and again while they wait; once, however many beats there are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection, connections
from django.utils import timezone

from api import outgoing
from api.models import WebhookNotice
from api.outgoing import receivers
from messaging import conversations
from moderation import alerts, reports
from moderation.models import Case, CaseAlert
from rollout import alerts as watched
from rollout import figures
from tests.moderation.conftest import claim, decide, edit


@pytest.fixture(autouse=True)
def addressed(settings):
    settings.MODERATOR_EMAILS = ["moderators@example.org"]
    settings.CASE_OVERDUE = timedelta(minutes=60)
    settings.PUBLIC_URL = "https://callboard.example"


@pytest.fixture
def receiver(cast):
    return receivers.add(name="Desk", url="https://desk.example/hook", types=["case.opened", "case.overdue"], by=None)


def told() -> list[tuple[str, dict]]:
    bodies = [json.loads(body) for body in WebhookNotice.objects.order_by("id").values_list("body", flat=True)]
    return [(body["type"], body["data"]) for body in bodies]


def test_the_types_can_be_chosen():
    assert {"case.opened", "case.overdue"} <= set(outgoing.types())


def test_a_new_case_is_told_at_once_and_only_once(cast, receiver, case):
    ((kind, data),) = told()
    assert kind == "case.opened"
    assert data == {
        "case_id": str(case.id),
        "event_id": str(cast.event.id),
        "message_id": str(case.message_id),
        "status": "pending",
        "first_reported_at": data["first_reported_at"],
        "waiting_since": data["first_reported_at"],
        "periods_waited": 0,
    }
    assert alerts.send_due() == 1
    assert alerts.send_due() == 0
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["moderators@example.org"], "[Callboard] A case waits for a moderator")
    assert f"https://callboard.example/admin/moderation/case/{case.id}/change/" in sent.body
    # What was written, and by whom, stays in the house.
    for text in ("phone number", "Again and again", "Attendee", "attendee"):
        assert text not in sent.body + json.dumps(data)


def test_several_go_out_in_one_mail(cast, direct):
    for number in range(3):
        message = conversations.send(direct.id, f"Number {number}", by=cast.attendee)
        reports.report(message.id, reason="spam", by=cast.mvp_dealer)
    assert alerts.send_due() == 3
    assert [sent.subject for sent in mail.outbox] == ["[Callboard] 3 cases: each waits for a moderator"]


def test_a_reopened_case_is_told_of_again(cast, group, receiver):
    said = conversations.send(group.id, "Meet me outside", by=cast.organizer)
    reports.report(said.id, reason="other", by=cast.attendee)
    decide(Case.objects.get(), by=cast.moderator)
    edit(said.id, "Meet me outside or else")
    reports.report(said.id, reason="violence", by=cast.dealer)
    assert [kind for kind, _ in told()] == ["case.opened", "case.opened"]
    assert alerts.send_due() == 2


def later(case: Case, minutes: int):
    return case.waiting_since + timedelta(minutes=minutes)


def test_a_case_that_waits_is_told_of_once_a_period(cast, receiver, case):
    alerts.send_due()
    mail.outbox.clear()
    noted = [alerts.note_overdue(now=later(case, minutes)) for minutes in (59, 60, 61, 119, 120, 300)]
    assert noted == [0, 1, 0, 0, 1, 1]
    assert [(kind, data["periods_waited"]) for kind, data in told()[1:]] == [
        ("case.overdue", 1), ("case.overdue", 2), ("case.overdue", 5),
    ]  # fmt: skip
    assert alerts.send_due(now=later(case, 301)) == 3
    assert len(mail.outbox) == 1


def test_claiming_begins_the_time_anew_and_deciding_ends_it(cast, case):
    claimed = claim(case, by=cast.moderator)
    claimed.waiting_since = case.waiting_since + timedelta(minutes=50)
    claimed.save(update_fields=["waiting_since"])
    assert alerts.note_overdue(now=later(case, 70)) == 0
    assert alerts.note_overdue(now=later(case, 111)) == 1
    decide(case, by=cast.moderator)
    assert alerts.note_overdue(now=later(case, 900)) == 0


def test_a_mail_that_does_not_go_out_is_tried_again(cast, case, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert alerts.send_due() == 0
    waiting = CaseAlert.objects.get()
    assert (waiting.sent_at, waiting.attempts, waiting.lease_token) == (None, 1, None)
    assert waiting.next_attempt_at > timezone.now()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert alerts.send_due(now=timezone.now() + timedelta(hours=2)) == 1


def test_without_addresses_nobody_is_written_to(cast, case, settings):
    settings.MODERATOR_EMAILS = []
    assert alerts.send_due() == 1
    assert mail.outbox == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_beats_and_many_workers_take_effect_once(transactional_db, cast, direct):
    receivers.add(name="Desk", url="https://desk.example/hook", types=[], by=None)
    for number in range(5):
        message = conversations.send(direct.id, f"Number {number}", by=cast.attendee)
        reports.report(message.id, reason="spam", by=cast.mvp_dealer)
    now = timezone.now() + timedelta(minutes=61)
    gate = Barrier(8)

    def sweep(_) -> tuple[int, int]:
        gate.wait()
        try:
            return alerts.note_overdue(now=now), alerts.send_due(now=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        noted, sent = map(sum, zip(*pool.map(sweep, range(8)), strict=True))
    connections.close_all()
    assert noted == 5
    # One may have looked before another had noted; nobody has sent any twice.
    assert sent + alerts.send_due(now=now) == 10
    assert CaseAlert.objects.filter(attempts=1, sent_at__isnull=False).count() == 10
    assert sum(kind == "case.overdue" for kind, _ in told()) == 5


def test_figures_and_the_backlog_alert(cast, case, settings):
    def value(name, status):
        return figures.value(name, status=status)

    assert (value("moderation_cases", "pending"), value("moderation_cases", "reviewed")) == (1, 0)
    Case.objects.update(
        waiting_since=timezone.now() - timedelta(minutes=90), first_reported_at=timezone.now() - timedelta(minutes=90)
    )
    assert value("moderation_oldest_case_seconds", "pending") >= 90 * 60
    (state,) = [one for one in watched.report() if one["name"] == "moderation_backlog"]
    assert (state["state"], state["words"]) == ("firing", "1 open, the oldest waits 90 min")
    before = figures.value("moderation_claim_seconds", "_count"), figures.value("moderation_decision_seconds", "_count")
    decide(case, by=cast.moderator)
    after = figures.value("moderation_claim_seconds", "_count"), figures.value("moderation_decision_seconds", "_count")
    assert [late - early for late, early in zip(after, before, strict=True)] == [1, 1]
    (state,) = [one for one in watched.report() if one["name"] == "moderation_backlog"]
    assert state["state"] == "ok"
