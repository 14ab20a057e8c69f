"""Where a text may go from where: one table, which the database holds against everybody."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations, product
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from messaging.models import Callback, OptOut, Spend, Text, TextStep
from messaging.sms import states
from tests.messaging.sms.conftest import PHONE, delivery, fresh, hear, to_one
from tests.messaging.test_constraints import TEXTS

STATES = Text.State.values
# Written by hand: each state, and where it leads.
LEADS_TO = {
    "queued": {"sending", "sent", "delivered", "undelivered", "failed", "suppressed"},
    "sending": {"queued", "unknown", "sent", "delivered", "undelivered", "failed", "suppressed"},
    "unknown": {"queued", "sent", "delivered", "undelivered", "failed", "suppressed"},
    "sent": {"delivered", "undelivered", "failed", "suppressed"},
    "delivered": set(),
    "undelivered": set(),
    "failed": set(),
    "suppressed": set(),
}


def put(text: Text, state: str) -> None:
    """There at once, without the guards."""
    lease = {"lease_token": uuid4(), "lease_until": timezone.now() + timedelta(minutes=1)} if state == "sending" else {}
    reason = {"reason": "expired"} if state == "suppressed" else {}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_text DISABLE TRIGGER text_moves_forward")
        Text.objects.filter(delivery_id=text.delivery_id).update(
            **{"lease_token": None, "lease_until": None, "reason": None, "state": state, "phone": PHONE, "attempts": 1,
               **lease, **reason}
        )  # fmt: skip
        cursor.execute("ALTER TABLE messaging_text ENABLE ALWAYS TRIGGER text_moves_forward")


@pytest.mark.parametrize(("begin", "end"), list(product(STATES, STATES)))
def test_each_move_is_in_the_table_or_refused(phones, told, figure, begin, end):
    if begin == end:
        return
    figure("moves tried", 1)
    text = to_one(phones)
    put(text, begin)
    lease = {"lease_token": uuid4(), "lease_until": timezone.now()} if end == "sending" else {}
    values = {"state": end, "lease_token": None, "lease_until": None, "reason": "expired", **lease}
    mine = Text.objects.filter(delivery_id=text.delivery_id)
    if end in LEADS_TO[begin]:
        mine.update(**values)
        assert (fresh(text).state, delivery(text).sms_status) == (end, end)
        return
    with pytest.raises(IntegrityError, match="text_moves_forward|does not go"), transaction.atomic():
        mine.update(**values)
    figure("moves against the table", int(fresh(text).state != begin))
    assert fresh(text).state == begin


def test_the_diagrams_table_is_the_databases(db):
    assert states.moves() == {(begin, end) for begin, ends in LEADS_TO.items() for end in ends}
    with connection.cursor() as cursor:
        for begin, end in product(STATES, STATES):
            cursor.execute("SELECT messaging_text_may_move(%s, %s)", [begin, end])
            assert cursor.fetchone() == (end in LEADS_TO[begin],)
    assert {begin for begin, ends in LEADS_TO.items() if not ends} == set(states.ENDS)


# What the provider may tell of one message, and where that ends.
SETS = [
    (("queued", "sending", "sent", "delivered"), "delivered"),
    (("sending", "sent", "undelivered"), "undelivered"),
    (("sent", "failed"), "failed"),
    (("sent",), "sent"),
    (("delivered",), "delivered"),
    (("queued", "sent", "sent", "delivered", "delivered"), "delivered"),
]


@pytest.mark.parametrize(("told_of", "end"), SETS)
@pytest.mark.parametrize("begin", ["sending", "unknown", "sent", "queued"])
def test_every_order_of_callbacks_has_one_end(phones, told, figure, told_of, end, begin):
    text = to_one(phones)
    for order in set(permutations(told_of)):
        put(text, begin)
        Callback.objects.all()
        sid = f"SM{uuid4().hex}"
        seen = []
        for status in order:
            hear(text, status, sid=sid)
            seen.append(fresh(text).state)
        figure("orders of callbacks", 1)
        figure("sets with another end", int(seen[-1] != end))
        assert seen[-1] == end
        ended = [state for state in seen if state in states.ENDS]
        assert set(ended) <= {end}
        assert seen[len(seen) - len(ended) :] == ended


@pytest.mark.parametrize("end", states.ENDS)
@pytest.mark.parametrize("status", ["queued", "sent", "delivered", "undelivered", "failed"])
def test_nothing_leads_out_of_an_end(phones, told, end, status):
    text = to_one(phones)
    put(text, end)
    before = fresh(text)
    hear(text, status, sid="SM" + "9" * 32)
    assert (fresh(text).state, fresh(text).reason, fresh(text).code) == (end, before.reason, before.code)


def test_bad_news_of_an_earlier_call_is_no_news_of_this_one(phones, told):
    text = to_one(phones)
    put(text, "sending")
    Text.objects.filter(delivery_id=text.delivery_id).update(attempts=2)
    hear(text, "failed", attempt=1)
    assert fresh(text).state == "sending"
    hear(text, "delivered", attempt=1)
    assert fresh(text).state == "delivered"


def test_what_is_said_of_an_earlier_phone_closes_that_one(phones, told):
    """Between two calls somebody has got another phone."""
    text = to_one(phones)
    put(text, "sending")
    Text.objects.filter(delivery_id=text.delivery_id).update(attempts=2)
    hear(text, "undelivered", attempt=1, code=30005, To="+4915112345699")
    assert list(OptOut.objects.values_list("phone", "cause")) == [("+4915112345699", "unusable")]


@pytest.mark.parametrize(
    ("status", "code", "state", "reason", "closed"),
    [
        ("undelivered", 30003, "undelivered", "unreachable", None),
        ("failed", 30003, "undelivered", "unreachable", None),
        ("undelivered", 30005, "undelivered", "unusable_phone", "unusable"),
        ("undelivered", 30006, "undelivered", "unusable_phone", "unusable"),
        ("undelivered", 30007, "undelivered", "filtered", None),
        ("undelivered", 30036, "undelivered", "expired", None),
        ("failed", 21610, "suppressed", "opted_out", "provider"),
        ("failed", 12345, "failed", None, None),
        ("undelivered", None, "undelivered", None, None),
        ("failed", 20429, "failed", None, None),
    ],
)
def test_a_code_decides_what_follows(phones, told, status, code, state, reason, closed):
    text = to_one(phones)
    put(text, "sent")
    hear(text, status, code=code)
    assert (fresh(text).state, fresh(text).reason, fresh(text).code) == (state, reason, code)
    assert OptOut.objects.filter(phone=PHONE).values_list("cause", flat=True).first() == closed


@pytest.mark.parametrize("table", ["messaging_textstep", "messaging_callback"])
@pytest.mark.parametrize("deed", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET sid = 'x'"])
def test_what_was_told_and_done_is_never_changed(phones, told, table, deed):
    hear(to_one(phones), "sent")
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(deed.format(table))
    assert TextStep.objects.exists()
    assert Callback.objects.exists()


BROKEN = [
    (Text, {"state": "lost"}, "text_state_is_known|does not go"),
    (Text, {"state": "sending"}, "text_lease_fits_state"),
    (Text, {"lease_token": uuid4(), "lease_until": "2030-01-01T00:00:00Z"}, "text_lease_fits_state"),
    (Text, {"state": "suppressed"}, "text_suppressed_says_why"),
    (Text, {"state": "suppressed", "reason": "a whim"}, "text_suppressed_says_why"),
    (Text, {"began_at": "2030-01-01T00:00:00Z"}, "text_call_is_whole"),
    (OptOut, {"phone": "0151 1234"}, "optout_phone_e164"),
    (OptOut, {"cause": "whim"}, "optout_cause_is_known"),
    (OptOut, {"lifted_at": "2000-01-01T00:00:00Z"}, "optout_lifted_after"),
    (OptOut, {"phone": "+4915112345699"}, "optout_phone_unique"),
    (Spend, {"of": "moon"}, "spend_of_is_known"),
    (Spend, {"amount": -1}, "spend_is_not_negative"),
]


@pytest.mark.parametrize(("model", "values", "constraint"), BROKEN)
def test_the_database_holds(phones, told, model, values, constraint):
    to_one(phones)
    OptOut.objects.create(phone=PHONE, cause="stop")
    OptOut.objects.create(phone="+4915112345699", cause="stop")
    Spend.objects.create(day="2026-01-01", of="event", name="one", amount=1)
    rows = model.objects.filter(phone=PHONE) if model is OptOut else model.objects.all()
    rows = rows.filter(state="queued") if model is Text else rows
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        rows.update(**values)


def test_every_constraint_of_texts_is_broken_here(db):
    """But those that Django makes for numbers that are not negative."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE conrelid::regclass::text = ANY (%(tables)s) AND contype IN ('c', 'u')"
            " AND conname NOT LIKE 'messaging_%%_check'"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indrelid::regclass::text = ANY (%(tables)s) AND indisunique AND NOT indisprimary",
            {"tables": list(TEXTS)},
        )
        found = {name for (name,) in cursor.fetchall()}
    broken = {name for _, _, names in BROKEN for name in names.split("|") if " " not in name}
    assert found == broken | {"callback_unique", "callback_inbound_unique"}


def test_a_callback_is_kept_once(phones, told):
    text = to_one(phones)
    hear(text, "sent")
    values = Callback.objects.values("kind", "sid", "fields", "digest").get()
    with pytest.raises(IntegrityError, match="callback_unique"), transaction.atomic():
        Callback.objects.create(**values)
    Callback.objects.create(**{**values, "kind": "inbound", "digest": b"1"})
    with pytest.raises(IntegrityError, match="callback_inbound_unique"), transaction.atomic():
        Callback.objects.create(**{**values, "kind": "inbound", "digest": b"2"})
