"""Nothing personal in what the watching tells: metrics, alarms, their webhooks and e-mails, the doctor, the logs."""

from __future__ import annotations

import io
import logging
from io import StringIO

from django.core import mail
from django.core.management import CommandError, call_command

from accounts import tokens
from api.logs import JsonFormatter
from api.models import WebhookNotice
from api.outgoing import receivers
from rollout import alarm_mails, alarms, alerts, metrics
from rollout.models import Alarm, Reading

PHONE, TEXT = "+4915199900011", "canary-sings"


def test_the_watching_tells_nothing_personal(cast, api, settings, monkeypatch, figure):
    settings.OPERATOR_EMAILS = ["operators@example.org"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    receivers.add(name="Desk", url="https://desk.example/hook", types=[], by=None)
    token = tokens.issue(user=cast.attendee)[1]
    call = api(cast.attendee)
    start = {"recipient_id": str(cast.mvp_dealer.id), "content": TEXT}
    call.post(f"/events/{cast.event.id}/conversations", start, Idempotency_Key=f"{TEXT}{PHONE}", traceparent=TEXT)
    call.get(f"/messages/{PHONE}/{TEXT}")
    call("BREW", f"/events/{TEXT}/feed?phone={PHONE}")
    call.get(f"/events/{cast.event.id}/feed", X_Request_ID=token)

    def fails():
        raise RuntimeError(f"{TEXT} {PHONE} {token}")

    monkeypatch.setattr(alerts, "_alerts", dict(alerts._alerts))
    alerts.register("canary", "Broken.", fails)
    alerts.register("loud", "Loud.", lambda: alerts.firing("1 of 2"), severity=alerts.CRITICAL)
    alarms.evaluate()
    alarm_mails.send_due()
    doctor = StringIO()
    try:
        call_command("doctor", "--all", stdout=doctor)
    except CommandError as error:
        doctor.write(str(error))
    logging.getLogger().removeHandler(handler)
    told = [
        metrics.text()[0].decode(),
        metrics.text("application/openmetrics-text")[0].decode(),
        stream.getvalue(),
        doctor.getvalue(),
        *WebhookNotice.objects.values_list("body", flat=True),
        *(sent.subject + sent.body for sent in mail.outbox),
        *(str(row) for row in Alarm.objects.values()),
        *(str(row) for row in Reading.objects.values()),
    ]
    assert len(told) > 10
    assert "callboard_http_requests_total" in told[0]
    assert mail.outbox
    secrets = (PHONE, PHONE[1:], TEXT, token, token[3:], str(cast.attendee.username))
    hits = [one[:200] for one in told if any(secret in one for secret in secrets)]
    figure("places searched", len(told))
    figure("hits", len(hits))
    assert hits == []
    # People's ids stand in the log, and nowhere else.
    assert [one[:200] for one in told[:2] + told[3:] if str(cast.attendee.id) in one] == []
