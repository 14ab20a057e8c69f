"""Members with phones, broadcasts to them by text, and a provider that does as it is told."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from accounts.models import User
from events.models import Event, Membership
from messaging import publishing
from messaging.models import Callback, Delivery, LogEntry, Message, OptOut, Spend, Text, TextStep
from messaging.sms import callbacks, provider, sending
from tests.messaging.conftest import denied, everything  # noqa: F401
from tests.messaging.sms.provider import ACCOUNT, Provider

TOKEN = "a-token-of-the-provider"
PHONE = "+4915112345601"
PHONES = {
    "attendee": PHONE,
    "attendee_2": "+4915112345602",
    "dealer": "+4915112345603",
    "mvp_dealer": "+4915112345604",
    "moderator": "+4915112345605",
}
WORDS = "Doors open at nine."


@pytest.fixture
def told(settings):
    """The provider; what it is told to do stands in its script."""
    server = Provider()
    settings.SMS_BACKEND = "simulator"
    settings.SMS_THREADS = 1
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, TOKEN
    settings.TWILIO_FROM, settings.TWILIO_MESSAGING_SERVICE_SID = "+15005550006", None
    settings.TWILIO_BASE_URL = server.address
    settings.SMS_QUIET_HOURS = None
    settings.SMS_RATE = 10_000
    provider.forget_client()
    yield server
    provider.forget_client()
    server.close()


@pytest.fixture
def phones(cast):
    """Everybody of the cast but the organizer, who speaks, has one."""
    for name, phone in PHONES.items():
        User.objects.filter(username=name).update(phone=phone)
    return cast


def publish(cast, content: str = WORDS, *, by=None, valid_until=None, **whom) -> Message:
    message = publishing.publish(
        by=by or cast.organizer, event_id=cast.event.id, message_type="announcement", content=content, **whom
    )
    done = publishing.deliver(message, is_texted=True, valid_until=valid_until)
    while done.upto is not None:
        done = publishing.deliver(message, after=done.upto, is_texted=True, valid_until=valid_until)
    return message


def to_one(cast, content: str = WORDS, **more) -> Text:
    """To the two attendees, of whom the second has left the phone at home."""
    User.objects.filter(username="attendee_2").update(phone=None)
    message = publish(cast, content, roles=["attendee"], **more)
    Text.objects.filter(message_id=message.id).exclude(user_id=cast.attendee.id).update(
        state="suppressed", reason="no_phone"
    )
    return Text.objects.get(message_id=message.id, user_id=cast.attendee.id)


def fresh(text: Text) -> Text:
    return Text.objects.get(delivery_id=text.delivery_id)


def delivery(text: Text) -> Delivery:
    return Delivery.objects.get(id=text.delivery_id)


def states(message=None) -> dict[str, str]:
    """By username; with the reason behind a slash where there is one."""
    texts = Text.objects.filter(message_id=message.id) if message else Text.objects.all()
    names = dict(User.objects.values_list("id", "username"))
    return {
        names[text.user_id]: f"{text.state}/{text.reason}" if text.reason else text.state
        for text in texts.order_by("delivery_id")
    }


def steps(text: Text) -> list[tuple[str, str, str]]:
    found = TextStep.objects.filter(delivery_id=text.delivery_id).order_by("id")
    return [(step.begin, step.end, step.cause) for step in found]


def drain() -> None:
    sending.drain(30)


def end_threads() -> None:
    """With their connections: another test wants the database for itself."""
    together = threading.Barrier(settings.SMS_THREADS)
    for done in [sending._pool().submit(_leave, together) for _ in range(settings.SMS_THREADS)]:
        done.result()
    sending._pool().shutdown()
    sending._pool.cache_clear()


def _leave(together: threading.Barrier) -> None:
    together.wait()
    connections.close_all()


def make_due(*texts: Text) -> None:
    """Its pause is over."""
    for text in texts:
        Text.objects.filter(delivery_id=text.delivery_id).update(next_at=timezone.now() - timedelta(seconds=1))


def age(text: Text, seconds: float) -> None:
    """Its last call began so long ago, and the provider may be asked."""
    past = timezone.now() - timedelta(seconds=seconds)
    Text.objects.filter(delivery_id=text.delivery_id).update(began_at=past, next_at=past)


def hear(text: Text, status: str, *, sid: str = "SM" + "0" * 32, attempt: int = 1, code: int | None = None, **more):
    fields = {"MessageSid": sid, "MessageStatus": status, "AccountSid": ACCOUNT, **more}
    if code:
        fields["ErrorCode"] = str(code)
    return callbacks.take_in(fields, callbacks.Call(text.delivery_id, attempt))


def change_membership(cast, user, **values) -> None:
    Membership.objects.filter(event=cast.event, user=user).update(**values)


def change_event(cast, **values) -> None:
    Event.objects.filter(id=cast.event.id).update(**values)


def rows() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (Text, TextStep, Callback, OptOut, Spend, LogEntry)}
