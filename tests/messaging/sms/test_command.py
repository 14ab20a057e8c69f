"""`manage.py sms` for people."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from messaging.models import Callback, Text
from messaging.sms import claims
from tests.messaging.sms.conftest import PHONE, age, drain, fresh, hear, publish, to_one


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("sms", *arguments, stdout=out)
    return out.getvalue()


def lines(words: str) -> dict[str, str]:
    return {line[:24].strip(): line[24:] for line in words.splitlines()}


def test_status_tells_where_texts_stand_and_why(phones, told):
    publish(phones)
    told.script = [(400, 21610), 500, (400, 21211)]
    drain()
    said = run("status")
    found = lines(said)
    assert (found["sent"], found["unknown"], found["provider"]) == ("2", "1", "simulator")
    assert "1  opted_out (21610)" in said
    assert "1  unusable_phone (21211)" in said
    assert found["opted out"] == "1 phones"


def test_reconcile_takes_over_asks_and_tells(phones, told):
    told.script = ["accept_then_500"]
    first = to_one(phones, "One")
    drain()
    second = to_one(phones, "Two")
    claims.claim(1)
    Text.objects.filter(delivery_id=second.delivery_id).update(lease_until="2020-01-01T00:00:00Z")
    found = lines(run("reconcile"))
    assert (found["taken over"], found["settled"], found["unknown now"]) == ("1 queued", "1", "0")
    assert (fresh(first).state, fresh(second).state) == ("sent", "queued")


def test_without_a_provider_there_is_nobody_to_ask(db, settings):
    settings.SMS_BACKEND = None
    with pytest.raises(CommandError, match="No provider"):
        run("reconcile")


def test_stuck_lists_what_does_not_get_on(phones, told):
    assert run("stuck") == "Nothing is stuck for over 15 minutes.\n"
    told.script = [500]
    text = to_one(phones)
    drain()
    assert run("stuck").startswith("Nothing")
    Text.objects.filter(delivery_id=text.delivery_id).update(moved_at=timezone.now() - timedelta(minutes=20))
    out = StringIO()
    with pytest.raises(CommandError, match="Stuck for over 15 minutes"):
        call_command("sms", "stuck", stdout=out)
    assert f"{text.delivery_id}  unknown" in out.getvalue()
    assert PHONE not in out.getvalue()


def test_replay_folds_what_was_heard_once_more(phones, told):
    text = to_one(phones)
    drain()
    age(text, 60)
    hear(text, "sent", sid=told.messages[0]["sid"])
    kept = Callback.objects.get()
    Callback.objects.create(
        kind="status", sid=kept.sid, delivery_id=text.delivery_id, attempt=1, digest=b"x",
        fields={"MessageStatus": "delivered"},
    )  # fmt: skip
    assert run("replay-callbacks") == "2 callbacks folded anew, 1 texts moved.\n"
    assert fresh(text).state == "delivered"
    assert run("replay-callbacks") == "2 callbacks folded anew, 0 texts moved.\n"
