"""Each guard of the texts is taken away in turn, inside a transaction: a probe that passed must notice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from messaging.models import Callback, LogEntry, Message, OptOut, Spend, Text, TextStep
from messaging.sms import callbacks, claims, inbound, optouts
from messaging.sms.claims import Result
from tests.messaging.sms.conftest import PHONE, change_membership, delivery, fresh, hear, to_one
from tests.messaging.test_constraints import TEXTS
from tests.moderation.test_guards import refused, sql, with_it, without

LATER = timedelta(hours=1)


@pytest.fixture
def scene(phones, told) -> SimpleNamespace:
    """A text that is due, and a row of everything else."""
    text = to_one(phones)
    callbacks.take_in({"MessageSid": "SM1", "MessageStatus": "sent"}, None)
    inbound.take_in({"MessageSid": "SM2", "From": "+4915112345690", "Body": "Hello"})
    OptOut.objects.create(phone="+4915112345699", cause="stop")
    Spend.objects.create(day="2026-01-01", of="event", name="one", amount=1)
    return SimpleNamespace(cast=phones, text=text, own=Text.objects.filter(delivery_id=text.delivery_id))


def copy(table: str, **changes) -> Callable:
    """Another row like the first one, with these values in place of its own (as SQL)."""

    def deed(scene) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [table])
            names = [name for (name,) in cursor.fetchall()]
        values = ", ".join(changes.get(name, f'"{name}"') for name in names)
        listed = ", ".join(f'"{name}"' for name in names)
        first = f"(SELECT * FROM {table} ORDER BY 1 LIMIT 1) first"  # noqa: S608
        sql(f"INSERT INTO {table} ({listed}) SELECT {values} FROM {first}")  # noqa: S608

    return deed


# Each constraint, and what it refuses.
CONSTRAINTS = {
    "text_state_is_known": copy("messaging_text", delivery_id="-1", state="'lost'"),
    "text_lease_fits_state": lambda s: s.own.update(lease_token=uuid4(), lease_until=timezone.now()),
    "text_suppressed_says_why": lambda s: s.own.update(state="suppressed", reason="a whim"),
    "text_call_is_whole": lambda s: s.own.update(began_at=timezone.now()),
    "messaging_text_attempts_check": lambda s: s.own.update(attempts=-1),
    "messaging_text_code_check": lambda s: s.own.update(code=-1),
    "messaging_text_looks_check": lambda s: s.own.update(looks=-1),
    "messaging_text_pkey": copy("messaging_text"),
    "messaging_textstep_attempts_check": copy("messaging_textstep", id="-1", attempts="-1"),
    "messaging_textstep_code_check": copy("messaging_textstep", id="-1", code="-1"),
    "messaging_textstep_pkey": copy("messaging_textstep"),
    "messaging_callback_attempt_check": copy("messaging_callback", id="-1", digest="'x'", attempt="-1"),
    "messaging_callback_pkey": copy("messaging_callback", digest="'x'"),
    "callback_unique": copy("messaging_callback", id="-1"),
    "callback_inbound_unique": lambda s: Callback.objects.create(kind="inbound", sid="SM2", fields={}, digest=b"x"),
    "optout_phone_e164": lambda s: OptOut.objects.create(phone="0151 1234", cause="stop"),
    "optout_cause_is_known": lambda s: OptOut.objects.update(cause="whim"),
    "optout_lifted_after": lambda s: OptOut.objects.update(lifted_at="2000-01-01T00:00:00Z"),
    "optout_phone_unique": copy("messaging_optout", id="-1"),
    "messaging_optout_pkey": copy("messaging_optout", phone="'+4915112345698'"),
    "spend_of_is_known": lambda s: Spend.objects.create(day="2026-01-01", of="moon", name="one", amount=1),
    "spend_is_not_negative": lambda s: Spend.objects.update(amount=-1),
    "messaging_spend_pkey": copy("messaging_spend"),
}


def is_told(scene) -> bool:
    before = LogEntry.objects.count(), TextStep.objects.count()
    scene.own.update(state="sent")
    told = LogEntry.objects.count(), TextStep.objects.count()
    return delivery(scene.text).sms_status == "sent" and told == (before[0] + 1, before[1] + 1)


def never_comes_back(scene) -> bool:
    scene.own.update(state="delivered")
    return refused(lambda: scene.own.update(state="queued"))


TRIGGERS = {
    "text_moves_forward": never_comes_back,
    "text_move_is_told": is_told,
    "textstep_is_append_only": lambda s: refused(lambda: TextStep.objects.update(cause="other")),
    "callback_is_append_only": lambda s: refused(lambda: Callback.objects.all().delete()),
    "callback_is_fixed": lambda s: refused(lambda: Callback.objects.update(sid="SM3")),
}


def table_of(name: str) -> str:
    return next(table for table in TEXTS if name in guards(table))


def guards(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid::regclass::text = %(table)s AND contype <> 'n'"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indrelid::regclass::text = %(table)s AND indisunique"
            " UNION SELECT tgname FROM pg_trigger WHERE tgrelid::regclass::text = %(table)s AND NOT tgisinternal"
            " UNION SELECT policyname FROM pg_policies WHERE tablename = %(table)s",
            {"table": table},
        )
        return {name for (name,) in cursor.fetchall()}


def test_every_guard_that_there_is_stands_here(db):
    """Policies there are none: the API's role reaches none of these tables, which tests/test_rights.py sees to."""
    assert set().union(*map(guards, TEXTS)) == {*CONSTRAINTS, *TRIGGERS}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_missing_constraint_is_noticed(scene, figure, name):
    probe = lambda s: refused(lambda: CONSTRAINTS[name](s))  # noqa: E731
    assert with_it(probe, scene)
    is_index = name == "callback_inbound_unique"
    drop = f"DROP INDEX {name}" if is_index else f"ALTER TABLE {table_of(name)} DROP CONSTRAINT {name}"
    is_missed = not without(drop, probe, scene)
    figure("taken away", 1)
    figure("not noticed", int(not is_missed))
    assert is_missed


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_missing_trigger_is_noticed(scene, figure, name):
    assert with_it(TRIGGERS[name], scene)
    is_missed = not without(f"DROP TRIGGER {name} ON {table_of(name)}", TRIGGERS[name], scene)
    figure("taken away", 1)
    figure("not noticed", int(not is_missed))
    assert is_missed


def claimed(scene):
    claim = claims.claim(10)
    return claim.due[0], claim.token


def begins_after(change: Callable) -> Callable:
    """A probe: no call begins once this has happened to what was claimed."""

    def probe(scene) -> bool:
        due, token = claimed(scene)
        change(scene)
        return claims.begin(due, token) is None

    return probe


def let_go_after(change: Callable, reason: str) -> Callable:
    def probe(scene) -> bool:
        change(scene)
        claims.claim(10)
        return fresh(scene.text).reason == reason

    return probe


def of_person(**values) -> Callable:
    return lambda s: User.objects.filter(id=s.text.user_id).update(**values)


def of_message(**values) -> Callable:
    return lambda s: Message.objects.filter(id=s.text.message_id).update(**values)


def of_membership(**values) -> Callable:
    return lambda s: change_membership(s.cast, s.cast.attendee, **values)


def stopped(cause: str) -> Callable:
    return lambda s: OptOut.objects.create(phone=PHONE, cause=cause)


def with_another_token(scene) -> bool:
    due, _ = claimed(scene)
    return claims.begin(due, uuid4()) is None


def begun_twice(scene) -> bool:
    due, token = claimed(scene)
    return (claims.begin(due, token), claims.begin(due, token)) == (1, None)


def shares_the_phones_lock(scene) -> bool:
    claims.begin(*claimed(scene))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND mode LIKE 'Share%%'"
            " AND (classid::bigint << 32 | objid::bigint) = hashtextextended('callboard:phone:' || %s, 0)",
            [PHONE],
        )
        return cursor.fetchall() == [("ShareLock",)]


def bad_news_of_the_first_call(scene) -> bool:
    scene.own.update(state="sending", attempts=2, lease_token=uuid4(), lease_until=timezone.now())
    hear(scene.text, "failed", attempt=1)
    return fresh(scene.text).state == "sending"


def an_end_is_left_alone(scene) -> bool:
    scene.own.update(state="delivered")
    return not refused(lambda: hear(scene.text, "sent")) and fresh(scene.text).state == "delivered"


def heard_again(scene) -> bool:
    return [hear(scene.text, "sent").is_news for _ in range(2)] == [True, False]


IN_FUNCTIONS = [
    ("begin_text", "mine.lease_token = token", "true", with_another_token),
    ("begin_text", "mine.began_at IS NULL", "true", begun_twice),
    (
        "begin_text",
        "(mine.valid_until IS NULL OR mine.valid_until > clock_timestamp())",
        "true",
        begins_after(lambda s: s.own.update(valid_until=timezone.now() - LATER)),
    ),
    ("begin_text", "person.phone = number", "true", begins_after(of_person(phone="+4915112345691"))),
    ("begin_text", "optout.phone = number", "false", begins_after(stopped("stop"))),
    (
        "begin_text",
        "membership.removed_at IS NULL",
        "true",
        begins_after(lambda s: of_membership(removed_at=timezone.now())(s)),
    ),
    ("begin_text", "person.is_active", "true", begins_after(of_person(is_active=False))),
    (
        "begin_text",
        "membership.suspended_until",
        "NULL::timestamptz",
        begins_after(lambda s: of_membership(suspended_until=timezone.now() + LATER)(s)),
    ),
    (
        "begin_text",
        "message.deleted_at IS NOT NULL",
        "false",
        begins_after(lambda s: of_message(deleted_at=timezone.now(), deleted_by_kind="sender")(s)),
    ),
    (
        "begin_text",
        "message.held_at IS NOT NULL",
        "false",
        begins_after(lambda s: of_message(held_at=timezone.now())(s)),
    ),
    ("begin_text", "pg_advisory_xact_lock_shared", "hashtextextended('x', 0) <>", shares_the_phones_lock),
    ("against_text", "'stop', ", "", let_go_after(stopped("stop"), "opted_out")),
    ("against_text", "'provider', ", "", let_go_after(stopped("provider"), "opted_out")),
    ("against_text", ", 'staff'", "", let_go_after(stopped("staff"), "opted_out")),
    ("against_text", "phone IS NULL OR ", "", let_go_after(of_person(phone=None), "no_phone")),
    ("against_text", " OR opted_out_by IS NOT NULL", "", let_go_after(stopped("unusable"), "no_phone")),
    ("against_text", "is_member IS NOT TRUE", "false", let_go_after(of_person(is_active=False), "not_member")),
    (
        "against_text",
        "suspended_until > at",
        "false",
        let_go_after(lambda s: of_membership(suspended_until=timezone.now() + LATER)(s), "suspended"),
    ),
    (
        "against_text",
        "WHEN is_removed",
        "WHEN false",
        let_go_after(lambda s: of_message(held_at=timezone.now())(s), "message_removed"),
    ),
    ("settle_text", "of_attempt <> found.attempts", "false", bad_news_of_the_first_call),
    ("settle_text", "NOT messaging_text_may_move(found.state, target)", "false", an_end_is_left_alone),
    ("fold_status", "IF NOT FOUND THEN", "IF false THEN", heard_again),
]


@pytest.mark.parametrize(("function", "part", "instead", "probe"), IN_FUNCTIONS)
def test_a_missing_condition_of_a_function_is_noticed(scene, figure, function, part, instead, probe):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", [f"messaging_{function}"])
        ((definition,),) = cursor.fetchall()
    assert part in definition
    assert with_it(probe, scene)
    is_missed = not without(definition.replace(part, instead, 1).replace("%", "%%"), probe, scene)
    figure("taken away", 1)
    figure("not noticed", int(not is_missed))
    assert is_missed


def an_old_token_notes_nothing(scene) -> bool:
    claimed(scene)
    return claims.note(uuid4(), [Result(scene.text.delivery_id, "sent", "answer")]) == 0


def an_old_token_keeps_nothing(scene) -> bool:
    claimed(scene)
    until = fresh(scene.text).lease_until
    claims.keep(uuid4(), [scene.text.delivery_id])
    return fresh(scene.text).lease_until == until


def a_lease_holds(scene) -> bool:
    claimed(scene)
    return claims.take_over() == {}


def what_was_begun_is_not_known(scene) -> bool:
    claims.begin(*claimed(scene))
    scene.own.update(lease_until=timezone.now() - LATER)
    return claims.take_over() == {"unknown": 1}


def a_pause_is_waited_for(scene) -> bool:
    scene.own.update(next_at=timezone.now() + LATER)
    return claims.claim(10).taken == 0


IN_STATEMENTS = [
    ("claim_texts", "AND next_at <= statement_timestamp()", "", a_pause_is_waited_for),
    ("note_texts", "AND mine.lease_token = %(token)s::uuid", "", an_old_token_notes_nothing),
    ("keep_texts", "lease_token = %(token)s::uuid", "lease_token IS NOT NULL", an_old_token_keeps_nothing),
    ("take_over_texts", "AND lease_until < statement_timestamp()", "", a_lease_holds),
    ("take_over_texts", "mine.began_at IS NULL", "true", what_was_begun_is_not_known),
]


@pytest.mark.parametrize(("name", "part", "instead", "probe"), IN_STATEMENTS)
def test_a_missing_condition_of_a_statement_is_noticed(scene, monkeypatch, name, part, instead, probe):
    whole = claims.statement

    def changed(asked: str, **parts: str) -> str:
        text = whole(asked, **parts)
        return text.replace(part, instead) if asked == name else text

    assert part in whole(name)
    assert with_it(probe, scene)
    monkeypatch.setattr(claims, "statement", changed)
    assert not with_it(probe, scene)


def test_who_stops_a_phone_holds_its_lock_alone(scene):
    optouts.close(PHONE, "stop")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            " AND (classid::bigint << 32 | objid::bigint) = hashtextextended('callboard:phone:' || %s, 0)",
            [PHONE],
        )
        assert cursor.fetchall() == [("ExclusiveLock",)]
