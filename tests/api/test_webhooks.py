"""Webhooks out: signed, repeated with growing pauses, dead in the end, and never to a private address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from api import outgoing
from api.models import WebhookAttempt, WebhookNotice, WebhookReceiver
from api.outgoing import receivers, sending, signing
from tests.benchmarks.servers import serving
from tests.conftest import make_user

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
def staff(db):
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def local(settings):
    settings.WEBHOOKS_MAY_BE_LOCAL = True


def answer(status: int, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} Told\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()


@contextmanager
def listening(*statuses: int, headers: str = ""):
    """A real server that answers with these, the last for ever; and a receiver that is told there."""
    with serving(lambda number: answer(statuses[min(number, len(statuses)) - 1], headers)) as (server, target):
        url = f"http://127.0.0.1:{target.port}/hooks/callboard?key=1"
        yield server, WebhookReceiver.objects.create(name="Board", url=url)


def heads(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


def tell(**data) -> WebhookNotice:
    outgoing.tell("thing.happened", data or {"id": 1})
    return WebhookNotice.objects.latest("created_at")


def verified(secret: str, headers: dict, body: bytes) -> bool:
    """As the convention's own libraries do it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [one.removeprefix("v1,") for one in headers["webhook-signature"].split(" ") if one.startswith("v1,")]
    return any(hmac.compare_digest(expected, one) for one in given)


# --- What is sent ----------------------------------------------------------------------------


def test_a_notice_is_posted_and_signed(local, db):
    with listening(204) as (server, receiver):
        notice = tell(event_id=receiver.id, at=NOW)
        assert sending.send_due() == 1
    first, headers, body = heads(server.requests[0])
    assert first == "POST /hooks/callboard?key=1 HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["type"] == "thing.happened"
    assert json.loads(body)["data"] == {"event_id": str(receiver.id), "at": "2026-05-20T12:00:00Z"}
    assert headers["webhook-id"] == str(notice.id)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert verified(signing.secret(receiver), headers, body)
    assert not verified(signing.secret(receiver), headers, body + b" ")
    assert not verified(signing.secret(receiver), {**headers, "webhook-id": "x"}, body)
    notice.refresh_from_db()
    assert (notice.status, notice.attempts, notice.lease_token) == ("delivered", 1, None)
    assert [(log.status_code, log.fault) for log in WebhookAttempt.objects.all()] == [(204, "")]


def test_the_signature_is_the_conventions_own_example(db, monkeypatch):
    """The vector that the convention publishes."""
    monkeypatch.setattr(signing, "_key", lambda *_: base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    made = signing.headers(
        WebhookReceiver(),
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
        body='{"test": 2432232314}',
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_receiver_has_a_secret_of_its_own_that_no_table_holds(db):
    first, second = (WebhookReceiver.objects.create(name=name, url="https://a.example/") for name in "ab")
    assert signing.secret(first) != signing.secret(second)
    assert len(base64.b64decode(signing.secret(first).removeprefix("whsec_"))) == 32
    assert signing.secret(first) not in str(list(WebhookReceiver.objects.values()))


def test_after_a_change_both_secrets_sign_for_a_day(staff):
    receiver = WebhookReceiver.objects.create(name="Board", url="https://a.example/")
    old = signing.secret(receiver)
    receivers.change_secret(receiver, by=staff)
    new = signing.secret(receiver)
    assert new != old

    def signatures(at) -> list[bool]:
        made = signing.headers(receiver, id="n", at=at, body="{}")
        return [verified(secret, made, b"{}") for secret in (old, new)]

    assert signatures(timezone.now()) == [True, True]
    assert signatures(timezone.now() + timedelta(hours=23)) == [True, True]
    assert signatures(timezone.now() + timedelta(hours=25)) == [False, True]
    assert AuditEntry.objects.get(action="webhook_secret_changed").data == {"version": 2}


def test_when_callboards_own_key_changes_the_one_before_signs_as_long_as_it_is_named(db, settings):
    receiver = WebhookReceiver.objects.create(name="Board", url="https://a.example/")
    old = signing.secret(receiver)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key, just as long and random"
    new = signing.secret(receiver)
    assert new != old

    def signatures() -> list[bool]:
        made = signing.headers(receiver, id="n", at=timezone.now(), body="{}")
        return [verified(secret, made, b"{}") for secret in (old, new)]

    assert signatures() == [True, True]
    settings.SECRET_KEY_FALLBACKS = []
    assert signatures() == [False, True]


def test_it_is_written_with_the_deed_or_not_at_all(db):
    WebhookReceiver.objects.create(name="Board", url="https://a.example/")
    with transaction.atomic():
        tell()
        transaction.set_rollback(True)
    assert WebhookNotice.objects.count() == 0


def test_nobody_to_tell_writes_nothing(db):
    WebhookReceiver.objects.create(name="Off", url="https://a.example/", is_active=False)
    WebhookReceiver.objects.create(name="Other", url="https://a.example/", types=["other.thing"])
    outgoing.tell("thing.happened", {})
    assert WebhookNotice.objects.count() == 0


# --- Again and again -------------------------------------------------------------------------


def test_a_fault_is_repeated_under_the_same_id_until_it_is_taken(local, db):
    with listening(500, 302, 200, headers="Location: http://127.0.0.1:1/elsewhere\r\n") as (server, _):
        notice = tell()
        for _ in range(3):
            WebhookNotice.objects.update(next_attempt_at=timezone.now())
            sending.send_due()
    assert {heads(request)[1]["webhook-id"] for request in server.requests} == {str(notice.id)}
    assert [log.status_code for log in notice.log.order_by("id")] == [500, 302, 200]
    notice.refresh_from_db()
    assert (notice.status, notice.attempts) == ("delivered", 3)


def test_pauses_grow_over_three_days_and_then_it_is_dead(local, db):
    with listening(503) as (server, _):
        notice, pauses = tell(), []
        for _ in range(len(sending.PAUSES) + 1):
            began = timezone.now()
            WebhookNotice.objects.filter(status="waiting").update(next_attempt_at=began)
            assert sending.send_due() == 1
            notice.refresh_from_db()
            if notice.status == "waiting":
                pauses.append(notice.next_attempt_at - began)
        assert sending.send_due() == 0
    assert (notice.status, notice.attempts, len(server.requests)) == ("dead", 10, 10)
    assert all(long > short for short, long in pairwise(pauses))
    assert timedelta(days=3) < sum(pauses, timedelta()) < timedelta(days=4)
    assert notice.log.count() == 10


def test_gone_means_no_more(local, db):
    with listening(410) as (_, receiver):
        notice = tell()
        sending.send_due()
    notice.refresh_from_db()
    receiver.refresh_from_db()
    assert (notice.status, receiver.is_active) == ("dead", False)


def test_a_dead_one_can_be_sent_again(local, staff):
    with listening(410, 200):
        notice = tell()
        sending.send_due()
        WebhookReceiver.objects.update(is_active=True)
        assert sending.send_again(notice, by=staff) is True
        assert sending.send_again(notice, by=staff) is False
        sending.send_due()
    notice.refresh_from_db()
    assert notice.status == "delivered"
    assert AuditEntry.objects.filter(action="webhook_notice_revived").count() == 1


def test_what_is_switched_off_waits(local, db):
    with listening(200) as (server, receiver):
        tell()
        WebhookReceiver.objects.update(is_active=False)
        assert sending.send_due() == 0
        WebhookReceiver.objects.update(is_active=True)
        assert sending.send_due() == 1


def test_a_worker_that_died_is_followed_when_its_claim_runs_out(local, db):
    with listening(200):
        notice = tell()
        claimed = sending.claim()
        assert claimed.id == notice.id
        assert sending.claim() is None
        assert sending.claim(now=timezone.now() + sending.LEASE + timedelta(seconds=1)).id == notice.id


def test_whoever_lost_the_claim_only_adds_to_the_log(local, db):
    with listening(500, 200):
        notice = tell()
        slow = sending.claim()
        quick = sending.claim(now=timezone.now() + sending.LEASE + timedelta(seconds=1))
        sending.attempt(slow)
        notice.refresh_from_db()
        assert (notice.status, notice.lease_token) == ("waiting", quick.lease_token)
        sending.attempt(quick)
    notice.refresh_from_db()
    assert (notice.status, notice.log.count()) == ("delivered", 2)


def test_who_does_not_answer_holds_up_nobody_else(local, db):
    """Tried once, and then not for a minute, however much waits for it; the others are served meanwhile."""
    dead = WebhookReceiver.objects.create(name="Dead", url="http://nothing.invalid/")
    with listening(200) as (server, receiver):
        for number in range(5):
            tell(number=number)
        assert sending.send_due() == 6
        assert len(server.requests) == 5
        assert WebhookAttempt.objects.filter(notice__receiver=dead).count() == 1
        assert sending.send_due() == 0
        later = timezone.now() + sending.SILENCE + timedelta(seconds=1)
        assert sending.claim(now=later).receiver_id == dead.id


@pytest.mark.parametrize(("milliseconds", "rests"), [(40, False), (900, False), (6000, True)])
def test_a_slow_one_leaves_most_of_the_time_to_the_others(db, milliseconds, rests):
    """It answers, and so is no fault; but one is under way at a time."""
    receiver = WebhookReceiver.objects.create(name="Slow", url="https://slow.example/")
    tell(number=1)
    tell(number=2)
    notice, now = sending.claim(), timezone.now()
    log = WebhookAttempt(notice=notice, began_at=now, milliseconds=milliseconds, status_code=200)
    sending._settle(notice, log)
    receiver.refresh_from_db()
    assert (receiver.paused_until is not None) is rests
    if rests:
        assert receiver.paused_until - now >= timedelta(seconds=24)
        assert sending.claim() is None
        assert sending.claim(now=receiver.paused_until + timedelta(seconds=1)) is not None


def test_one_is_under_way_at_a_time(local, db):
    WebhookReceiver.objects.create(name="Other", url="http://nothing.invalid/")
    with listening(200):
        tell()
        first = sending.claim()
        assert sending.claim() is None
        sending.attempt(first)
        assert sending.claim() is not None


def test_what_ended_long_ago_is_forgotten_with_its_log(local, db):
    with listening(200):
        old, new = tell(), tell()
        sending.send_due()
    WebhookNotice.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(days=31))
    waiting = tell()
    WebhookNotice.objects.filter(id=waiting.id).update(created_at=timezone.now() - timedelta(days=31))
    sending.purge()
    assert set(WebhookNotice.objects.values_list("id", flat=True)) == {new.id, waiting.id}
    assert WebhookAttempt.objects.filter(notice=old.id).count() == 0


# --- Setting them up --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://a.example/", "ftp://a.example/", "https://", "https://user:word@a.example/", "https://@a.example/",
     "https://a.example/#part", "https://a.example/a b", "https://127.0.0.1/", "https://[::1]/", "https://localhost/",
     "https://169.254.169.254/latest", "https://ä.example/", "https://a.example:port/", "//a.example/", ""],
)  # fmt: skip
def test_addresses_that_are_not_taken(staff, url):
    with pytest.raises(ValueError):
        receivers.add(name="Board", url=url, types=[], by=staff)
    assert WebhookReceiver.objects.count() == AuditEntry.objects.count() == 0


def test_changes_are_in_the_audit_without_the_address(staff):
    receiver = receivers.add(name="Board", url="https://a.example/hook", types=["x.y"], by=staff)
    receivers.change(receiver, by=staff, url="https://b.example/hook", is_active=False)
    receivers.send_test(receiver, by=staff)
    actions = list(AuditEntry.objects.order_by("at").values_list("action", "data"))
    assert actions == [
        ("webhook_receiver_added", {}),
        ("webhook_receiver_changed", {"fields": ["is_active", "url"]}),
        ("webhook_test_sent", {}),
    ]
    assert WebhookNotice.objects.get().type == "webhook.test"


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("webhookreceiver_name_not_empty", {"name": " "}),
        ("webhookreceiver_url_is_http", {"url": "ftp://a.example/"}),
        ("webhookreceiver_url_is_http", {"url": "https://user@a.example/"}),
    ],
)
def test_the_database_refuses_such_a_receiver(db, constraint, values):
    with pytest.raises(IntegrityError, match=constraint):
        WebhookReceiver.objects.create(**{"name": "Board", "url": "https://a.example/", **values})


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("webhooknotice_status_is_known", {"status": "lost"}),
        ("webhooknotice_delivery_is_whole", {"status": "delivered"}),
        ("webhooknotice_delivery_is_whole", {"delivered_at": NOW}),
    ],
)
def test_the_database_refuses_such_a_notice(db, constraint, values):
    WebhookReceiver.objects.create(name="Board", url="https://a.example/")
    tell()
    with pytest.raises(IntegrityError, match=constraint):
        WebhookNotice.objects.update(**values)
