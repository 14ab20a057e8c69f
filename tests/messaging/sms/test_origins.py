"""One id from the edge through the worker to the provider's callback: each step's log line names it."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from celery import current_app

from accounts.models import User
from api import logs, redis, tracks
from api.tasks import canary
from broadcasts import fanout, publication
from broadcasts.models import Broadcast
from messaging.sms import callbacks, origins
from tests.broadcasts.conftest import later
from tests.messaging.sms.conftest import PHONE, drain
from tests.messaging.sms.test_webhooks import Caller, twilio  # noqa: F401

ORIGIN = "edge-0123456789abcdef"


@pytest.fixture
def lines():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    origins.of.cache_clear()
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def order(phones, api, **more) -> Broadcast:
    User.objects.exclude(username="attendee").update(phone=None)
    body = {"kind": "announcement", "content": "Doors open at nine.", "sms": True, "confirm": True, **more}
    answer = api(phones.organizer).post(f"/events/{phones.event.id}/broadcasts", body, X_Request_ID=ORIGIN)
    assert answer.status_code in (201, 202), answer.content
    return Broadcast.objects.get()


def callback_of(told, twilio: Caller, status: str):  # noqa: F811
    """As the provider would, at the address that it was given."""
    address = urlsplit(told.calls[0]["StatusCallback"])
    fields = {"MessageSid": told.messages[0]["sid"], "MessageStatus": status, "To": PHONE}
    return twilio.post(address.path, fields, query=address.query), parse_qs(address.query)


def test_the_id_goes_the_whole_way(phones, told, settings, api, lines, twilio):  # noqa: F811
    broadcast = order(phones, api)
    assert broadcast.request_id == ORIGIN
    fanout.run(broadcast.id)
    drain()
    answer, query = callback_of(told, twilio, "delivered")
    assert answer.status_code == 204
    assert query[callbacks.ORIGIN] == [ORIGIN]
    named = {line["logger"]: line for line in lines() if ORIGIN in (line.get("request_id"), line.get("origin"))}
    assert {"api.requests", "broadcasts.fanout", "messaging.sms.sending"} <= set(named)
    (last,) = [line for line in lines() if line.get("route") == "api/v1/webhooks/twilio/status"]
    assert last["origin"] == ORIGIN
    assert last["request_id"] != ORIGIN


def test_one_for_later_remembers_who_asked(phones, told, api, lines, twilio):  # noqa: F811
    from django.utils import timezone

    broadcast = order(phones, api, send_at=(timezone.now() + timedelta(hours=1)).isoformat())
    publication.publish_due(now=later(broadcast, minutes=1))
    fanout.run(broadcast.id)
    drain()
    assert urlsplit(told.calls[0]["StatusCallback"]).query.endswith(f"&request={ORIGIN}")


def test_what_is_no_id_stays_out_of_the_log(phones, told, api, lines, twilio):  # noqa: F811
    answer = twilio.post(
        callbacks.STATUS_PATH, {"MessageSid": "SM1", "MessageStatus": "sent"}, query=f"request=%2B{PHONE[1:]}"
    )
    assert answer.status_code == 204
    assert PHONE[1:] not in json.dumps(lines())


def test_a_task_takes_along_the_id_of_the_call_that_woke_it(db):
    with tracks.within(request_id=ORIGIN):
        current_app.send_task(canary.name)
    (raw,) = redis.client().lrange("celery", 0, -1)
    assert json.loads(raw)["headers"][tracks.HEADER] == ORIGIN


def test_and_logs_it_until_it_ends(db, lines, monkeypatch):
    monkeypatch.setattr("api.health.note", lambda key: logging.getLogger("at.work").info("noted"))
    before = logs.context.get()
    canary.apply(headers={tracks.HEADER: ORIGIN})
    logging.getLogger("afterwards").info("idle")
    said = {line["logger"]: line for line in lines()}
    # That a task was counted leaves the logs as they are.
    assert "request_id" not in said["afterwards"]
    assert (said["at.work"]["request_id"], said["at.work"]["task"]) == (ORIGIN, canary.name)
    assert logs.context.get() == before
