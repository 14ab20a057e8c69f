"""All that is a person's: exported as one document, and erased without a leftover but what has to stay."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import personal, tokens
from accounts.models import AuditEntry, ConsoleSession, Token, User
from broadcasts.models import Broadcast
from events.models import Block, Event, HelpRequest, Membership
from messaging import messages, publishing, tasks
from messaging.models import Callback, Conversation, Delivery, Message, OptOut, Text
from messaging.sms import forgetting, inbound
from moderation.models import Appeal, Case, CaseNote, Sanction
from rollout.models import Alarm, Flag
from tests.conftest import join, make_user
from tests.messaging.sms.conftest import hear

PHONE = "+4915199900011"
CANARY = "canary"
SIGNS = (CANARY, PHONE[1:])

GONE, STAYS = "gone", "stays"
# Columns in which something personal may stand, and what an erasure does to it.
PERSONAL = {
    "accounts_consolesession.address": GONE,
    "accounts_consolesession.agent": GONE,
    "accounts_token.label": GONE,
    "accounts_user.avatar_url": GONE,
    "accounts_user.name": GONE,
    "accounts_user.phone": GONE,
    "accounts_user.username": GONE,
    "api_keptanswer.body": GONE,
    "broadcasts_broadcast.content": GONE,
    "broadcasts_broadcast.request_id": GONE,
    "django_admin_log.change_message": GONE,
    "django_admin_log.object_repr": GONE,
    "events_helprequest.details": GONE,
    "events_helprequest.title": GONE,
    "events_membership.tags": GONE,
    "messages.content": GONE,
    "messages.flagged_reason": GONE,
    "messaging_callback.fields": GONE,
    "messaging_conversation.title": GONE,
    "messaging_message.content": GONE,
    "messaging_removal.reason": GONE,
    "messaging_text.phone": GONE,
    "moderation_appeal.note": GONE,
    "moderation_appeal.text": GONE,
    "moderation_sanction.lift_reason": GONE,
    # A phone that gets no texts, whoever has it.
    "messaging_optout.phone": STAYS,
    # What moderators tell each other of a case, never changed.
    "moderation_casenote.content": STAYS,
    # What a decision stands on, and who looked at what for which reason: never changed.
    "moderation_decision.note": STAYS,
    "moderation_evidence.body": STAYS,
    "moderation_report.details": STAYS,
    "moderation_transcriptlook.reason": STAYS,
}
# Whom it is of stands inside what is signed: looked at in a test of its own.
SEALED = {
    "accounts_consolesession.session_key",
    "accounts_secondfactor.key",
    "accounts_user.password",
    "django_session.session_data",
    "django_session.session_key",
}
# Those of tables that hold nothing of members: what staff and operators set up, names of kinds, Django's own.
NO_TABLES_OF_PEOPLE = (
    "accounts_auditentry", "api_webhook", "auth_", "django_content", "django_migrations", "events_event",
    "messaging_addressee", "messaging_logentry", "messaging_spend", "messaging_textstep", "messaging_delivery",
    "legacy_", "moderation_casealert", "moderation_contentrule", "moderation_rulehit", "rollout_", "waffle_",
    "broadcasts_quota",
)  # fmt: skip
# Hashes, and words of a list.
NO_COLUMNS_OF_PEOPLE = {
    "accounts_recoverycode.digest", "conversations.status", "messages.message_type", "messages.moderation_status",
    "messages.status",
    "accounts_token.digest", "api_keptanswer.content_type", "api_keptanswer.digest", "api_keptanswer.fingerprint",
    "broadcasts_broadcast.failure_reason", "broadcasts_broadcast.kind", "broadcasts_broadcast.quota_phase",
    "broadcasts_broadcast.roles", "broadcasts_broadcast.status", "broadcasts_broadcast.tags",
    "django_admin_log.object_id", "events_helprequest.status", "events_membership.role", "messaging_callback.digest",
    "messaging_callback.kind", "messaging_callback.sid", "messaging_conversation.kind",
    "messaging_message.deleted_by_kind", "messaging_message.message_type", "messaging_message.roles",
    "messaging_message.tags", "messaging_optout.cause", "messaging_text.cause", "messaging_text.reason",
    "messaging_text.sid", "messaging_text.state", "moderation_appeal.status", "moderation_case.actions",
    "moderation_case.decision", "moderation_case.status", "moderation_decision.actions",
    "moderation_decision.decision", "moderation_evidence.sha256", "moderation_report.outcome",
    "moderation_report.reason", "moderation_report.status", "moderation_sanction.reason", "moderation_sanction.type",
}  # fmt: skip


def columns() -> list[tuple[str, str]]:
    """Of every table, each that could hold words."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
            " AND c.data_type IN ('text', 'character varying', 'jsonb', 'json', 'ARRAY', 'bytea', 'inet')"
            " ORDER BY 1, 2"
        )
        return cursor.fetchall()


def found_in() -> set[str]:
    """The columns in which a sign of the person stands, anywhere in the database."""
    found = set()
    with connection.cursor() as cursor:
        for table, column in columns():
            for sign in SIGNS:
                cursor.execute(
                    f'SELECT EXISTS (SELECT FROM "{table}" WHERE'
                    f" position(convert_to(%s, 'UTF8') IN convert_to(\"{column}\"::text, 'UTF8')) > 0"
                    f" OR \"{column}\"::text LIKE '%%' || encode(convert_to(%s, 'UTF8'), 'hex') || '%%')",
                    [sign, sign],
                )
                if cursor.fetchone()[0]:
                    found.add(f"{table}.{column}")
    return found


def test_every_column_that_could_hold_words_is_judged(db):
    """A new column has to be named above: may something personal stand in it, and what becomes of that?"""
    unjudged = [
        f"{table}.{column}"
        for table, column in columns()
        if not table.startswith(NO_TABLES_OF_PEOPLE)
        and f"{table}.{column}" not in {*PERSONAL, *SEALED, *NO_COLUMNS_OF_PEOPLE}
    ]
    assert unjudged == []


# --- Somebody who has left something everywhere -------------------------------------------------------


@pytest.fixture
def boss(db) -> User:
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture
def person(cast, api, boss, settings) -> User:
    """An attendee who has used everything there is, and about whom others have written."""
    made = make_user(
        f"{CANARY}_username", phone=PHONE, avatar_url=f"https://{CANARY}.example/me.png", last_login=timezone.now()
    )
    made.name = f"{CANARY} name"
    made.save()
    join(cast.event, made, "organizer", tags=[f"{CANARY}-tag"])
    tokens.issue(user=made, label=f"{CANARY} label")
    client = Client()
    client.force_login(made)
    _writes(cast, made, api)
    _is_texted(cast, made)
    _is_moderated(cast, made, api)
    _was_there_before(cast, made)
    Block.objects.create(blocker=made, blocked=cast.dealer)
    Flag.objects.first().users.add(made)
    admin_log(boss, made)
    Alarm.objects.create(name="x", severity="info", words="1 of 2", began_at=timezone.now(), seen_at=timezone.now())
    return made


def _was_there_before(cast, made) -> None:
    """In the old tables, and in the console."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.conversations (id, requester_id, helper_id, status, created_at, updated_at)"
            " VALUES (gen_random_uuid(), %s, %s, 'open', now(), now()) RETURNING id",
            [made.id, cast.mvp_dealer.id],
        )
        (talk,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO public.messages (id, conversation_id, sender_id, recipient_id, content, flagged_reason)"
            " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s)",
            [talk, made.id, cast.mvp_dealer.id, f"{CANARY} old", f"{CANARY} flagged"],
        )
    ConsoleSession.objects.create(user=made, session_key="x", agent=f"{CANARY} agent", address=f"{CANARY}.address")


def admin_log(boss, made) -> None:
    of = ContentType.objects.get_for_model(User)
    for number, (object_id, named) in enumerate([(str(made.id), str(made)), ("7", f"{made.username} in Show")]):
        LogEntry.objects.create(
            user_id=boss.id, content_type=of, object_id=object_id, object_repr=named, action_flag=CHANGE,
            change_message=f"{made.username} {number}",
        )  # fmt: skip


def _writes(cast, made, api) -> None:
    call = api(made)
    body = {"recipient_id": str(cast.mvp_dealer.id), "content": f"{CANARY} direct"}
    call.post(f"/events/{cast.event.id}/conversations", body, Idempotency_Key="one")
    people = [str(cast.mvp_dealer.id), str(cast.organizer.id)]
    call.post(
        f"/events/{cast.event.id}/conversations",
        {"recipient_ids": people, "title": f"{CANARY} title", "content": f"{CANARY} group"},
    )
    call.post(f"/events/{cast.event.id}/help-requests", {"title": f"{CANARY} title", "details": f"{CANARY} details"})
    ordered = call.post(
        f"/events/{cast.event.id}/broadcasts",
        {"kind": "announcement", "content": f"{CANARY} broadcast"},
        X_Request_ID=f"{CANARY}-request",
    )
    assert ordered.status_code in (201, 202), ordered.content
    publishing.deliver_all(Message.objects.get(id=Broadcast.objects.get().message_id))


def _is_texted(cast, made) -> None:
    text = _a_call(cast, made)
    hear(text, "delivered", To=PHONE, From="+15005550006")
    inbound.take_in({"MessageSid": "SM" + "2" * 32, "From": PHONE, "To": "+15005550006", "Body": f"STOP {CANARY}"})
    OptOut.objects.get_or_create(phone=PHONE, defaults={"cause": "stop"})


def _a_call(cast, made) -> Text:
    """Begun, and not answered yet."""
    message = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Doors open."
    )
    publishing.deliver(message, is_texted=True)
    text = Text.objects.get(message_id=message.id, user_id=made.id)
    Text.objects.filter(delivery_id=text.delivery_id).update(
        state="sending", phone=PHONE, attempts=1, began_at=timezone.now(), lease_token=message.id,
        lease_until=timezone.now(),
    )  # fmt: skip
    return text


def _is_moderated(cast, made, api) -> None:
    theirs = Message.objects.get(content=f"{CANARY} direct")
    moderator = api(cast.moderator)
    complaint = {"reason": "harassment", "details": f"{CANARY} details"}
    assert api(cast.mvp_dealer).post(f"/messages/{theirs.id}/reports", complaint).status_code == 201
    case = f"/moderation/reports/{Case.objects.get().id}"
    assert moderator.post(f"{case}/transcript", {"reason": f"{CANARY} look"}).status_code == 200
    decision = {"decision": "actioned", "actions": [{"type": "warn"}], "note": f"{CANARY} note", "version": 1}
    decided = moderator.post(f"{case}/decide", decision)
    assert decided.status_code == 200, decided.content
    CaseNote.objects.create(case=Case.objects.get(), author=cast.moderator, content=f"{CANARY} told")
    messages.remove(Message.objects.get(content=f"{CANARY} group").id, reason=f"{CANARY} removed", by=cast.staff)
    now = timezone.now()
    Appeal.objects.create(
        sanction=Sanction.objects.get(), user=made, text=f"{CANARY} text", note=f"{CANARY} note", created_at=now,
        imposed_by_id=cast.moderator.id, decided_by_id=cast.organizer.id, decided_at=now, status="granted",
    )  # fmt: skip
    Sanction.objects.update(lifted_at=now, lift_reason=f"{CANARY} lifted", lifted_by_id=cast.organizer.id)


# --- Erasure -----------------------------------------------------------------------------------------


def test_the_person_stands_in_every_column_that_may_hold_them(person):
    assert found_in() == set(PERSONAL)


def test_an_erasure_leaves_only_what_has_to_stay(person, boss):
    personal.erase(person, by=boss)
    forgetting.forget_old()
    assert found_in() == {column for column, what in PERSONAL.items() if what == STAYS}


def test_what_has_to_stay_is_there_and_unchanged(person, boss):
    audit = AuditEntry.objects.count()
    evidence = sql("SELECT body, sha256 FROM moderation_evidence")
    personal.erase(person, by=boss)
    # As another does who began at the same time, with the person as they were.
    personal.erase(person, by=boss)
    assert sql("SELECT body, sha256 FROM moderation_evidence") == evidence
    assert OptOut.objects.filter(phone=PHONE, lifted_at=None).exists()
    assert AuditEntry.objects.count() >= audit + 2
    entry = AuditEntry.objects.get(action="person_erased")
    assert (entry.actor_id, entry.object_id) == (boss.id, str(person.id))


def sql(statement: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [tuple(bytes(part) if isinstance(part, memoryview) else part for part in row) for row in cursor]


def test_others_see_a_former_member_and_placeholders(person, boss, cast, api):
    personal.erase(person, by=boss)
    feed = api(cast.mvp_dealer).get(f"/events/{cast.event.id}/feed").json()["items"]
    theirs = [item for item in feed if item["sender_id"] == str(person.id)]
    assert theirs
    assert {item["sender_name"] for item in theirs} == {"Former member"}
    assert {item["content"] for item in theirs} <= {
        "This message was deleted.", "This message was removed by a moderator.",
    }  # fmt: skip
    assert all(item["is_deleted"] for item in theirs)


def test_nobody_is_them_any_more(person, boss, api):
    call = api(person)
    client = Client()
    client.force_login(person)
    personal.erase(person, by=boss)
    assert call.get("/me").status_code == 401
    assert (
        Client()
        .post("/api/v1/auth/login", {"username": PHONE, "password": "x"}, content_type="application/json")
        .status_code
        == 401
    )
    person.refresh_from_db()
    assert (person.is_active, person.has_usable_password(), Token.objects.filter(user=person).count()) == (
        False,
        False,
        0,
    )
    assert not sessions_of(person)


def sessions_of(person) -> list:
    from django.contrib.sessions.models import Session

    return [one for one in Session.objects.all() if one.get_decoded().get("_auth_user_id") == str(person.pk)]


def test_their_rows_stay_where_others_refer_to_them(person, boss, cast):
    counted = {model: model.objects.count() for model in (Message, Delivery, Conversation, Membership, HelpRequest)}
    personal.erase(person, by=boss)
    assert {model: model.objects.count() for model in counted} == counted
    assert Block.objects.count() == 0
    assert Membership.objects.filter(user=person, removed_at=None).count() == 0


def test_one_that_was_broken_off_is_finished_by_the_next(person, boss, monkeypatch):
    broken = personal._parts["events"]

    def fails(user):
        raise OSError("the plug was pulled")

    monkeypatch.setitem(personal._parts, "events", broken._replace(erase=fails))
    with pytest.raises(OSError, match="plug"):
        personal.erase(person, by=boss)
    person.refresh_from_db()
    assert person.is_active is False
    monkeypatch.setitem(personal._parts, "events", broken)
    personal.erase(person, by=boss)
    assert found_in() == {column for column, what in PERSONAL.items() if what == STAYS}


@pytest.mark.parametrize("why", ["superuser", "self", "twice"])
def test_who_is_not_erased(person, boss, why):
    if why == "twice":
        personal.erase(person, by=boss)
        person.refresh_from_db()
    victim, by = {"superuser": (boss, None), "self": (person, person), "twice": (person, boss)}[why]
    before = found_in()
    with pytest.raises(personal.Refused):
        personal.erase(victim, by=by)
    assert found_in() == before


def test_a_text_that_is_not_settled_is_forgotten_when_it_is(person, boss, cast):
    text = _a_call(cast, person)
    Text.objects.filter(delivery_id=text.delivery_id).update(state="unknown", lease_token=None, lease_until=None)
    personal.erase(person, by=boss)
    text.refresh_from_db()
    assert text.phone == PHONE
    hear(text, "delivered", sid="SM" + "3" * 32, To=PHONE)
    text.refresh_from_db()
    assert text.state == "delivered"
    tasks.forget()
    text.refresh_from_db()
    assert text.phone == ""
    assert found_in() == {column for column, what in PERSONAL.items() if what == STAYS}


# --- Export ------------------------------------------------------------------------------------------


def exported(person) -> dict:
    out = StringIO()
    call_command("person", "export", person.username, stdout=out)
    return json.loads(out.getvalue())


def test_the_export_is_all_that_is_theirs(person, cast):
    found = exported(person)
    assert found["account"]["phone"] == PHONE
    assert {one["content"] for one in found["sent_messages"]} >= {f"{CANARY} direct", f"{CANARY} broadcast"}
    assert [one["content"] for one in found["received_messages"]] == ["Doors open."]
    assert [one["title"] for one in found["help_requests"]] == [f"{CANARY} title"]
    assert [one["content"] for one in found["broadcasts"]] == [f"{CANARY} broadcast"]
    assert [one["phone"] for one in found["texts"]] == [PHONE]
    assert [one["text"] for one in found["appeals"]] == [f"{CANARY} text"]
    for section in (
        "tokens",
        "memberships",
        "blocks",
        "conversations",
        "opt_outs",
        "sanctions",
        "flags",
        "audit",
        "quotas",
    ):
        assert found[section], section
    assert found["audit"]


def test_the_export_holds_no_secret_and_nobody_elses(person, cast):
    User.objects.filter(id=cast.mvp_dealer.id).update(phone="+4915199900022")
    said = json.dumps(exported(person))
    assert "15199900022" not in said
    for secret in ("argon2", "digest", "password"):
        assert secret not in said


def test_a_file_is_made_for_its_maker_alone(person, tmp_path):
    path = tmp_path / "person.json"
    call_command("person", "export", PHONE, output=path, stdout=StringIO())
    assert json.loads(path.read_text())["account"]["id"] == str(person.id)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="there already"):
        call_command("person", "export", PHONE, output=path, stdout=StringIO())


def test_the_command_erases_only_when_it_is_told_to(person):
    out = StringIO()
    call_command("person", "erase", str(person.id), stdout=out)
    assert "--yes" in out.getvalue()
    assert found_in() == set(PERSONAL)
    call_command("person", "erase", str(person.id), "--yes", stdout=out)
    assert "Former member" in out.getvalue()
    with pytest.raises(CommandError, match="nobody"):
        call_command("person", "export", f"{CANARY}_username", stdout=out)


def test_events_that_they_alone_organize_are_named_before_and_after(person, cast):
    out = StringIO()
    call_command("person", "erase", str(person.id), stdout=out)
    assert "Nobody else" not in out.getvalue()
    cast.event.memberships.filter(user=cast.organizer).update(role="attendee")
    for options in ([], ["--yes"]):
        call_command("person", "erase", str(person.id), *options, stdout=out)
        assert f"Nobody else organizes “{cast.event.name}”" in out.getvalue()
        out.truncate(0)


def test_who_could_be_two_people_is_not_chosen_for_the_operator(cast):
    make_user(str(cast.dealer.id))
    for deed in (["export"], ["erase", "--yes"]):
        with pytest.raises(CommandError, match="another's username"):
            call_command("person", deed[0], str(cast.dealer.id), *deed[1:], stdout=StringIO())
    assert User.objects.filter(name="Former member").count() == 0


# --- Retention -----------------------------------------------------------------------------------------


def test_phones_are_forgotten_when_their_time_is_over(person, settings):
    settings.KEEP_PHONES_DAYS = 30
    assert forgetting.forget_old() == 0
    later = timezone.now() + timedelta(days=31)
    assert forgetting.forget_old(now=later) > 0
    assert forgetting.forget_old(now=later) == 0
    left = found_in()
    assert not {"messaging_text.phone", "messaging_callback.fields"} & left
    assert "messaging_optout.phone" in left
    assert forgetting.named() == 0
    assert {row.fields.get("MessageStatus") for row in Callback.objects.filter(kind="status")} == {"delivered"}


def test_batches_end(person, settings, monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 1)
    assert forgetting.forget_old(now=timezone.now() + timedelta(days=settings.KEEP_PHONES_DAYS + 1)) >= 3


CHANGES_OF_A_CALLBACK = (
    "fields = '{}'",
    "sid = 'SM3'",
    'fields = fields || \'{"MessageStatus": "failed"}\'',
    "fields = messaging_without_person(fields), sid = 'SM3'",
    "fields = fields - 'To'",
)


def test_of_a_callback_nothing_else_is_ever_changed(person):
    from django.db import ProgrammingError, transaction

    statements = [f"UPDATE messaging_callback SET {change}" for change in CHANGES_OF_A_CALLBACK]
    for statement in (*statements, "DELETE FROM messaging_callback"):
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            sql_raw(statement)


def sql_raw(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_what_was_said_is_forgotten_after_the_event_where_that_is_set(person, cast, settings):
    settings.KEEP_MESSAGES_DAYS = None
    Event.objects.update(starts_at=timezone.now() - timedelta(days=12), ends_at=timezone.now() - timedelta(days=10))
    tasks.forget()
    assert Message.objects.filter(content__startswith=CANARY).exists()
    settings.KEEP_MESSAGES_DAYS = 11
    tasks.forget()
    assert Message.objects.filter(content__startswith=CANARY).exists()
    settings.KEEP_MESSAGES_DAYS = 9
    tasks.forget()
    assert set(Message.objects.values_list("content", flat=True)) == {"This message was deleted."}
