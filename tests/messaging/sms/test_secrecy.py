"""No phone, no text and no token in any log, whatever goes wrong."""

from __future__ import annotations

import io
import json
import logging

import pytest

from api.logs import JsonFormatter
from api.redis import client
from messaging.models import LogEntry
from messaging.sms import provider, reconciliation
from messaging.tasks import send_texts, sweep_texts
from tests.messaging.sms.conftest import PHONE, TOKEN, age, drain, hear, make_due, to_one
from tests.messaging.sms.test_webhooks import Caller, twilio  # noqa: F401

WORDS = "Canary words that stand in no log"


@pytest.fixture
def log():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_no_flow_of_texts_writes_what_is_personal(phones, told, settings, log, figure, twilio: Caller):  # noqa: F811
    text = to_one(phones, WORDS)
    for fault in ((400, 99999), (429, 20429), "hang_up", 500, "accept_then_500"):
        other = to_one(phones, WORDS)
        told.script = [fault]
        drain()
        age(other, 600)
        told.script = ["list_500"]
        reconciliation.run()
        make_due(other)
    settings.TWILIO_BASE_URL = "http://127.0.0.1:1"
    provider.forget_client()
    to_one(phones, WORDS)
    send_texts()
    sweep_texts()
    twilio.status(text, "undelivered", fields={"To": PHONE, "ErrorCode": "30003"})
    twilio.status(text, "delivered", signature="wrong", fields={"To": PHONE})
    twilio.inbound("STOP")
    hear(text, "delivered")
    said = log.getvalue()
    assert said
    secrets = (PHONE, PHONE[1:], WORDS, WORDS.split()[0], TOKEN)
    figure("lines searched", said.count("\n"))
    figure("hits", sum(said.count(secret) for secret in secrets))
    for secret in secrets:
        assert secret not in said
        assert secret not in json.dumps(list(LogEntry.objects.values_list("data", flat=True)))
        for key in client().keys("*"):
            assert secret not in str(client().dump(key))
