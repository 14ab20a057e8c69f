"""What people write in reports, decisions, appeals and looks goes nowhere but into its own row."""

from __future__ import annotations

import logging

from django.core import mail

from accounts.models import AuditEntry
from api.models import WebhookNotice
from api.outgoing import receivers
from messaging.models import LogEntry
from moderation import alerts
from moderation.models import Case, Sanction

CANARY = "canary+4915112345678"


def test_no_text_leaves_its_row(cast, api, said, caplog, settings, figure):
    settings.MODERATOR_EMAILS = ["moderators@example.org"]
    caplog.set_level(logging.DEBUG)
    receivers.add(name="Desk", url="https://desk.example/hook", types=[], by=None)
    moderator, organizer, sender = api(cast.moderator), api(cast.organizer), api(cast.attendee)
    body = {"reason": "spam", "details": CANARY}
    assert api(cast.mvp_dealer).post(f"/messages/{said.id}/reports", body).status_code == 201
    case = Case.objects.get()
    look = moderator.post(f"/moderation/reports/{case.id}/transcript", {"reason": CANARY})
    decided = moderator.post(
        f"/moderation/reports/{case.id}/decide",
        {"decision": "actioned", "actions": [{"type": "mute", "hours": 1}], "note": CANARY, "version": 1},
    )
    sanction = Sanction.objects.get()
    appealed = sender.post(f"/sanctions/{sanction.id}/appeal", {"text": CANARY})
    granted = organizer.post(f"/sanctions/{sanction.id}/appeal/decide", {"decision": "granted", "note": CANARY})
    wrong = moderator.post(f"/moderation/reports/{case.id}/decide", {"decision": CANARY})
    alerts.send_due()
    assert [one.status_code for one in (look, decided, appealed, granted, wrong)] == [200, 200, 201, 200, 400]
    elsewhere = [
        *(str(entry.data) for entry in AuditEntry.objects.all()),
        *(str(entry.data) for entry in LogEntry.objects.all()),
        *WebhookNotice.objects.values_list("body", flat=True),
        *(sent.subject + sent.body for sent in mail.outbox),
        *(
            record.getMessage() + str(record.__dict__)
            for record in caplog.records
            if record.name != "django.db.backends"
        ),
    ]
    hits = [text for text in elsewhere if "canary" in text or "49151" in text]
    figure("places searched", len(elsewhere))
    figure("hits", len(hits))
    assert len(elsewhere) > 10
    assert hits == []
