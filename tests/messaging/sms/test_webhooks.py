"""The provider's calls: what it has signed is kept and folded, everything else does nothing."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from api import maintenance
from messaging.models import Callback, OptOut
from messaging.sms import callbacks
from tests.messaging.sms.conftest import ACCOUNT, PHONE, TOKEN, drain, fresh, rows, to_one

SID = "SM" + "3" * 32


class Caller:
    """Signs like the provider, unless told otherwise."""

    def __init__(self, public: str):
        self.public = public

    def post(self, path: str, fields: dict, *, token=TOKEN, over=None, signature=None, query="", **headers):
        address = f"{over or self.public}{path}{query and '?' + query}"
        signed = RequestValidator(token).compute_signature(address, fields) if signature is None else signature
        return Client(raise_request_exception=False).generic(
            "POST",
            f"{path}{query and '?' + query}",
            urlencode(fields),
            content_type="application/x-www-form-urlencoded",
            headers={**({"X-Twilio-Signature": signed} if signed else {}), **headers},
        )

    def status(self, text, status: str, *, sid: str = SID, attempt: int = 1, delivery=None, **more):
        fields = {"MessageSid": sid, "MessageStatus": status, "AccountSid": ACCOUNT, **more.pop("fields", {})}
        signed = callbacks.signed(text.delivery_id, attempt) if delivery is None else delivery
        return self.post(callbacks.STATUS_PATH, fields, query=f"delivery={signed}" if signed else "", **more)

    def inbound(self, body: str, *, phone: str = PHONE, sid: str = SID, **more):
        fields = {"MessageSid": sid, "From": phone, "To": "+15005550006", "Body": body, **more.pop("fields", {})}
        return self.post(callbacks.INBOUND_PATH, fields, **more)


@pytest.fixture
def twilio(told, settings) -> Caller:
    settings.PUBLIC_URL = "https://callboard.example.org"
    return Caller(settings.PUBLIC_URL)


def test_a_callback_settles_its_text(phones, told, twilio):
    text = to_one(phones)
    drain()
    answer = twilio.status(text, "delivered", sid=told.messages[0]["sid"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert fresh(text).state == "delivered"
    (kept,) = Callback.objects.all()
    assert kept.fields["MessageStatus"] == "delivered"
    assert (kept.delivery_id, kept.attempt) == (text.delivery_id, 1)


def test_a_callback_says_which_text_it_is_even_where_nobody_knew(phones, told, twilio):
    told.script = ["accept_then_500"]
    text = to_one(phones)
    drain()
    assert (fresh(text).state, fresh(text).sid) == ("unknown", None)
    twilio.status(text, "sent", sid=told.messages[0]["sid"])
    assert (fresh(text).state, fresh(text).sid) == ("sent", told.messages[0]["sid"])
    drain()
    assert len(told.calls) == 1


def test_a_callback_without_our_id_is_found_by_the_providers(phones, told, twilio):
    text = to_one(phones)
    drain()
    twilio.status(text, "delivered", sid=told.messages[0]["sid"], delivery="")
    assert fresh(text).state == "delivered"


def test_a_callback_for_another_message_is_kept_and_moves_nothing(phones, told, twilio):
    text = to_one(phones)
    drain()
    assert twilio.status(text, "failed", delivery=f"{text.delivery_id}.1.{'0' * 32}").status_code == 204
    assert fresh(text).state == "sent"
    assert Callback.objects.get().delivery_id is None


FORGERIES = {
    "no signature": {"signature": ""},
    "a wrong one": {"signature": "aGVsbG8="},
    "not even ASCII": {"signature": "\xe4" * 28},
    "another account's": {"token": "another"},
    "for another address": {"over": "https://elsewhere.example.org"},
    "for http": {"over": "http://callboard.example.org"},
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_what_is_not_signed_does_nothing(phones, told, twilio, denied, figure, forgery):
    text = to_one(phones)
    drain()
    denied(lambda: twilio.status(text, "delivered", **forgery), 403, "permission_denied", reason="signature")
    denied(lambda: twilio.inbound("STOP", **forgery), 403, "permission_denied", reason="signature")
    figure("forged or replayed", 2)
    figure("effects", Callback.objects.count() + OptOut.objects.count())


def test_what_the_call_says_of_its_own_address_counts_for_nothing(phones, told, twilio, denied, settings):
    text = to_one(phones)
    headers = {"X-Forwarded-Host": "elsewhere.example.org", "X-Forwarded-Proto": "https"}
    settings.ALLOWED_HOSTS = ["*"]
    denied(
        lambda: twilio.status(
            text, "sent", over="https://elsewhere.example.org", Host="elsewhere.example.org", **headers
        ),
        403,
        "permission_denied",
    )


def test_a_signature_holds_for_all_fields_and_the_query(phones, told, twilio, denied):
    text = to_one(phones)
    drain()
    signature = RequestValidator(TOKEN).compute_signature(
        f"{twilio.public}{callbacks.STATUS_PATH}?delivery={callbacks.signed(text.delivery_id, 1)}",
        {"MessageSid": SID, "MessageStatus": "sent", "AccountSid": ACCOUNT},
    )
    denied(lambda: twilio.status(text, "delivered", signature=signature), 403, "permission_denied")
    other = callbacks.signed(text.delivery_id + 1, 1)
    denied(lambda: twilio.status(text, "sent", signature=signature, delivery=other), 403, "permission_denied")


def test_what_is_played_back_does_nothing(phones, told, twilio, figure):
    text = to_one(phones)
    drain()
    twilio.status(text, "sent")
    twilio.inbound("STOP", sid="SM" + "4" * 32)
    twilio.inbound("START", sid="SM" + "5" * 32)
    before = rows()
    for _ in range(3):
        assert twilio.status(text, "sent").status_code == 204
        assert twilio.inbound("STOP", sid="SM" + "4" * 32).status_code == 200
        figure("forged or replayed", 2)
    figure("effects", sum(now != before[name] for name, now in rows().items()))
    assert rows() == before
    assert OptOut.objects.get(phone=PHONE).lifted_at is not None


def test_json_is_no_form(phones, told, twilio, refused):
    answer = Client().post(callbacks.STATUS_PATH, {"MessageSid": SID}, content_type="application/json")
    refused(answer, 415, "unsupported_media_type")


def test_webhooks_go_on_during_maintenance(phones, told, twilio):
    text = to_one(phones)
    drain()
    maintenance.switch_on()
    assert twilio.status(text, "delivered").status_code == 204
    assert twilio.inbound("STOP", sid="SM" + "6" * 32).status_code == 200
    assert fresh(text).state == "delivered"
    assert OptOut.objects.get(phone=PHONE).lifted_at is None


def test_without_a_provider_nobody_has_signed_anything(phones, told, twilio, settings, denied):
    settings.TWILIO_AUTH_TOKEN = None
    denied(lambda: twilio.inbound("STOP", token=""), 403, "permission_denied")
