"""Each guard of the database is taken away in turn, inside a transaction: a probe that passed must notice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from messaging import conversations
from moderation.models import Appeal, Case, CaseNote, Decision, Evidence, Report, RuleHit, Sanction, TranscriptLook
from tests.moderation.conftest import active_hold, appeal, claim, decide


@dataclass
class Scene:
    cast: object
    case: Case
    decided: Case
    sanction: Sanction
    as_api: Callable


@pytest.fixture
def scene(cast, direct, case, as_api) -> Scene:
    """A case that waits, one that was decided with a mute, and an appeal; a rule, a look."""
    from moderation import reports

    other = conversations.send(direct.id, "Another one", by=cast.attendee)
    reports.report(other.id, reason="spam", by=cast.mvp_dealer)
    decided = Case.objects.get(message=other.id)
    decide(decided, ("mute", 5), by=cast.moderator)
    sanction = Sanction.objects.get()
    appeal(sanction, by=cast.attendee)
    TranscriptLook.objects.create(case=case, moderator=cast.moderator, reason="why", messages=1)
    rule = active_hold("tickets")
    RuleHit.objects.create(case=case, rule=rule, outcome="hold")
    CaseNote.objects.create(case=case, author=cast.moderator, content="Seen before.")
    decided.refresh_from_db()
    return Scene(cast, case, decided, sanction, as_api)


def refused(deed: Callable) -> bool:
    try:
        with transaction.atomic():
            deed()
    except DatabaseError:
        return True
    return False


def sql(statement: str, *values) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def sees(scene: Scene, who, table: str) -> int:
    with scene.as_api(who) as reader:
        return reader.rows(f"SELECT count(*) FROM moderation_{table} AS shown")[0][0]


def again(row, **changes):
    """A second row like this one."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    values.pop("id", None)
    return type(row)(**{**values, **changes})


# What is taken away, and a probe that says True while the guard stands.
POLICIES = {
    "report": lambda scene: (
        [sees(scene, who, "report") for who in (scene.cast.mvp_dealer, scene.cast.attendee)] == [2, 0]
    ),
    "sanction": lambda scene: (
        [sees(scene, who, "sanction") for who in (scene.cast.attendee, scene.cast.mvp_dealer)] == [1, 0]
    ),
    "appeal": lambda scene: (
        [sees(scene, who, "appeal") for who in (scene.cast.attendee, scene.cast.moderator)] == [1, 0]
    ),
}

PENDING = {"status": "pending", "claimed_by_id": None, "claimed_at": None}


def fresh_message(scene: Scene):
    return conversations.send(scene.case.message.conversation_id, "Yet another", by=scene.cast.mvp_dealer)


CONSTRAINTS = {
    "casenote_content_length": lambda s: again(CaseNote.objects.get(), content="").save(force_insert=True),
    "evidence_hash_is_true": lambda s: Evidence.objects.create(
        message_id=s.case.message_id, body="{}", sha256=hashlib.sha256(b"x").digest(), frozen_at=timezone.now()
    ),
    "case_message_unique": lambda s: again(s.case).save(force_insert=True),
    "case_claim_fits_status": lambda s: Case.objects.filter(id=s.case.id).update(claimed_at=timezone.now()),
    "case_decision_fits_status": lambda s: Case.objects.filter(id=s.case.id).update(decision="actioned"),
    "report_message_reporter_unique": lambda s: again(Report.objects.first()).save(force_insert=True),
    "report_reason_is_known": lambda s: again(Report.objects.first(), reason="rude", reporter_id=s.cast.dealer.id).save(
        force_insert=True
    ),
    "report_details_length": lambda s: again(
        Report.objects.first(), details="x" * 1001, reporter_id=s.cast.dealer.id
    ).save(force_insert=True),
    "decision_note_length": lambda s: again(Decision.objects.get(), note="x" * 1001).save(force_insert=True),
    "decision_fits_actions": lambda s: again(Decision.objects.get(), actions=[]).save(force_insert=True),
    "sanction_type_is_known": lambda s: again(s.sanction, type="ban", ends_at=None).save(force_insert=True),
    "sanction_reason_is_known": lambda s: again(s.sanction, type="suspend", reason="rude").save(force_insert=True),
    "sanction_end_fits_type": lambda s: again(s.sanction, type="warn").save(force_insert=True),
    "sanction_lift_is_whole": lambda s: Sanction.objects.update(lifted_at=timezone.now()),
    "sanction_decision_type_unique": lambda s: again(s.sanction).save(force_insert=True),
    "appeal_text_length": lambda s: Appeal.objects.update(text=""),
    "appeal_note_length": lambda s: Appeal.objects.update(note="x" * 1001),
    "appeal_decision_fits_status": lambda s: Appeal.objects.update(status="rejected", decided_at=timezone.now()),
    "appeal_is_decided_by_another": lambda s: Appeal.objects.update(
        status="rejected", decided_at=timezone.now(), decided_by=s.cast.moderator
    ),
    "transcriptlook_reason_length": lambda s: TranscriptLook.objects.create(
        case=s.case, moderator=s.cast.moderator, reason="", messages=1
    ),
    "contentrule_name_not_empty": lambda s: sql("UPDATE moderation_contentrule SET name = ' '"),
    "contentrule_outcome_is_known": lambda s: sql("UPDATE moderation_contentrule SET outcome = 'ban'"),
    "contentrule_fits_kind": lambda s: sql("UPDATE moderation_contentrule SET most = 3"),
    "contentrule_was_tried": lambda s: sql("UPDATE moderation_contentrule SET tried_at = NULL"),
    "rulehit_unique": lambda s: again(RuleHit.objects.get()).save(force_insert=True),
    "casealert_once": lambda s: again(s.case.alerts.get()).save(force_insert=True),
    "casealert_kind_is_known": lambda s: sql("UPDATE moderation_casealert SET kind = 'other'"),
}

TRIGGERS = {
    "evidence_is_append_only": (
        "evidence",
        lambda s: refused(lambda: Evidence.objects.update(frozen_at=timezone.now())),
    ),
    "casenote_is_append_only": ("casenote", lambda s: refused(lambda: CaseNote.objects.update(content="other"))),
    "decision_is_append_only": ("decision", lambda s: refused(lambda: Decision.objects.update(note="other"))),
    "transcriptlook_is_append_only": (
        "transcriptlook",
        lambda s: refused(lambda: TranscriptLook.objects.update(reason="other")),
    ),
    "report_is_append_only": ("report", lambda s: refused(lambda: Report.objects.all()._raw_delete("default"))),
    "report_is_fixed": ("report", lambda s: refused(lambda: Report.objects.update(reason="other"))),
    "report_follows_case": ("case", lambda s: follows(s)),
    "contentrule_stamps_gate": ("contentrule", lambda s: stamps(s)),
}


def follows(scene: Scene) -> bool:
    claim(scene.case, by=scene.cast.moderator)
    return Report.objects.get(case=scene.case).status == "reviewed"


def stamps(scene: Scene) -> bool:
    """A send by a process that knows of no rule yet is held, once the rule is on."""
    from messaging import gates
    from moderation import content_rules
    from moderation.models import ContentRule

    rule = ContentRule.objects.get()
    content_rules.switch_off(rule, by=None)
    gates.reload()
    content_rules.switch_on(rule, by=None)
    sent = conversations.send(scene.case.message.conversation_id, "Tickets", by=scene.cast.mvp_dealer)
    return sent.held_at is not None


def without(statement: str, probe: Callable, scene: Scene) -> bool:
    """What the probe says once the guard is gone; everything is taken back."""
    with transaction.atomic():
        # What waits for the end of the transaction would hinder the change of the table.
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        sql(statement)
        found = probe(scene)
        transaction.set_rollback(True)
    return found


def with_it(probe: Callable, scene: Scene) -> bool:
    with transaction.atomic():
        found = probe(scene)
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("table", POLICIES)
def test_a_missing_policy_is_noticed(scene, figure, table):
    probe = POLICIES[table]
    assert with_it(probe, scene)
    are_noticed = [
        not without(f"ALTER TABLE moderation_{table} DISABLE ROW LEVEL SECURITY", probe, scene),
        not without(f"DROP POLICY {table}_seen ON moderation_{table}", probe, scene),
    ]
    figure("taken away", len(are_noticed))
    figure("not noticed", are_noticed.count(False))
    assert all(are_noticed)


@pytest.mark.parametrize("table", POLICIES)
def test_without_force_the_owner_would_pass_by_its_own_policy(scene, table):
    """The owner's policy is what lets it in: without it a forced table is empty to its owner too."""
    probe = lambda s: {"report": Report, "sanction": Sanction, "appeal": Appeal}[table].objects.exists()  # noqa: E731
    assert with_it(probe, scene)
    assert not without(f"DROP POLICY {table}_owner ON moderation_{table}", probe, scene)
    forced = "SELECT relforcerowsecurity FROM pg_class WHERE relname = %s"
    with connection.cursor() as cursor:
        cursor.execute(forced, [f"moderation_{table}"])
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_missing_constraint_is_noticed(scene, figure, name):
    deed = CONSTRAINTS[name]
    probe = lambda s: refused(lambda: deed(s))  # noqa: E731
    assert with_it(probe, scene)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = %s"
            " UNION SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = to_regclass(%s)",
            [name, name],
        )
        (table,) = cursor.fetchone()
    is_missed = not without(f"ALTER TABLE {table} DROP CONSTRAINT {name}", probe, scene)
    figure("taken away", 1)
    figure("not noticed", int(not is_missed))
    assert is_missed


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_missing_trigger_is_noticed(scene, figure, name):
    table, probe = TRIGGERS[name]
    assert with_it(probe, scene)
    drop = f"DROP TRIGGER {name} ON moderation_{table}"
    is_missed = not without(drop, probe, scene)
    figure("taken away", 1)
    figure("not noticed", int(not is_missed))
    assert is_missed


def test_every_guard_that_there_is_stands_here(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid::regclass::text LIKE 'moderation%%'"
            " AND (contype = 'c' OR contype = 'u')",
            [],
        )
        constraints = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'moderation%%' AND NOT tgisinternal", []
        )
        triggers = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT policyname FROM pg_policies WHERE tablename LIKE 'moderation%%'", [])
        policies = {name for (name,) in cursor.fetchall()}
    made_by_django = {name for name in constraints if name.endswith("_check")}
    assert constraints - made_by_django == set(CONSTRAINTS)
    assert triggers == set(TRIGGERS)
    assert policies == {f"{table}_{kind}" for table in POLICIES for kind in ("owner", "seen")}


def keys(kind: str) -> list[tuple[str, str, str]]:
    """Table, name and column of each primary or foreign key of one column, from the catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT made.conrelid::regclass::text, made.conname, field.attname FROM pg_constraint made"
            " JOIN pg_attribute field ON field.attrelid = made.conrelid AND field.attnum = made.conkey[1]"
            " WHERE made.conrelid::regclass::text LIKE 'moderation%%' AND made.contype = %s ORDER BY 1, 2",
            [kind],
        )
        return cursor.fetchall()


def tables() -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'moderation%%'", [])
        return cursor.fetchall()


def bare(table: str) -> None:
    """Without what else would refuse a change of the table's rows, inside the transaction."""
    sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'u')", [table]
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def to_nobody(table: str, column: str) -> bool:
    """Whether a row that points to what is not there is refused."""
    return refused(
        lambda: sql(
            f"SET CONSTRAINTS ALL IMMEDIATE; UPDATE {table} SET {column} = gen_random_uuid()"  # noqa: S608
            f" WHERE ctid IN (SELECT ctid FROM {table} LIMIT 1)"
        )
    )


def test_a_missing_foreign_key_is_noticed(scene):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    found = keys("f")
    # Every table but the rules', whose one key names the event.
    assert {table for table, *_ in found} == {f"moderation_{name}" for name in (
        "appeal", "case", "casealert", "casenote", "contentrule", "decision", "evidence", "report", "rulehit",
        "sanction", "transcriptlook",
    )}  # fmt: skip
    for table, name, column in found:
        with transaction.atomic():
            bare(table)
            assert to_nobody(table, column), name
            sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            assert not to_nobody(table, column), name
            transaction.set_rollback(True)


def test_a_missing_primary_key_is_noticed(scene):
    """A second appeal against a sanction, for one, is refused by nothing else where two are made at once."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table, name, _ in keys("p"):
        with transaction.atomic():
            bare(table)
            double = f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1"  # noqa: S608
            assert refused(lambda: sql(double)), name  # noqa: B023
            sql(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")
            assert not refused(lambda: sql(double)), name  # noqa: B023
            transaction.set_rollback(True)
    assert len(keys("p")) == len(tables())
