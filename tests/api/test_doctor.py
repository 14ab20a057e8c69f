"""The doctor finds each thing that is wrong, says what to do, and tells by the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import Client

from api import doctor, health
from api.checkups import catalogue, servers
from api.checkups import settings as looked_at
from config.environment import REPOSITORY
from messaging.sms import checkup
from tests.conftest import make_user

KEY = "k3Jx9_Qw2Zp7Rt5Yb8Nv4Mc6Ld1Hs0Gf-aEuIoWq"


def levels(check) -> dict[str, str]:
    return {finding.name: finding.level for finding in check()}


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


# --- Settings: what is set, and which finding of which level that makes ------------------------------

SETTINGS = [
    (looked_at.keys, "DEBUG", {"DEBUG": True}, "fault"),
    (looked_at.keys, "DEBUG", {"DEBUG": False}, "good"),
    (looked_at.keys, "SECRET_KEY", {"SECRET_KEY": KEY}, "good"),
    (looked_at.keys, "SECRET_KEY", {"SECRET_KEY": KEY[:20]}, "fault"),
    (looked_at.keys, "SECRET_KEY", {"SECRET_KEY": "ab" * 30}, "fault"),
    (looked_at.keys, "SECRET_KEY", {"SECRET_KEY": "django-insecure-" + KEY}, "fault"),
    (looked_at.keys, "SECRET_KEY", {"SECRET_KEY": "change-me" + KEY}, "fault"),
    (looked_at.keys, "SECRET_KEY_FALLBACKS", {"SECRET_KEY_FALLBACKS": [KEY]}, "note"),
    (looked_at.keys, "CALLBOARD_DEMO", {"DEMO": True}, "warning"),
    (looked_at.addresses, "CALLBOARD_PUBLIC_URL", {"PUBLIC_URL": "https://callboard.example"}, "good"),
    (looked_at.addresses, "CALLBOARD_PUBLIC_URL", {"PUBLIC_URL": "http://callboard.example"}, "fault"),
    (looked_at.addresses, "CALLBOARD_PUBLIC_URL", {"PUBLIC_URL": "http://localhost.example"}, "fault"),
    (looked_at.addresses, "CALLBOARD_PUBLIC_URL", {"PUBLIC_URL": "http://127.0.0.1:8000"}, "note"),
    (looked_at.addresses, "ALLOWED_HOSTS", {"ALLOWED_HOSTS": ["*"]}, "fault"),
    (looked_at.addresses, "CALLBOARD_REAL_IP_HEADER", {"REAL_IP_HEADER": ""}, "note"),
    (looked_at.limits, "CALLBOARD_RATE_LIMITS", {"RATE_LIMIT": None}, "fault"),
    (looked_at.limits, "CALLBOARD_RATE_LIMITS", {"RATE_LIMIT": 600}, "good"),
    (looked_at.limits, "CALLBOARD_LOCAL_WEBHOOKS", {"WEBHOOKS_MAY_BE_LOCAL": True}, "fault"),
    (looked_at.watching, "/metrics", {"METRICS_TOKEN": KEY}, "good"),
    (looked_at.watching, "CALLBOARD_OPERATOR_EMAILS", {"OPERATOR_EMAILS": []}, "note"),
    (
        looked_at.watching,
        "CALLBOARD_OPERATOR_EMAILS",
        {"OPERATOR_EMAILS": ["a@b.example"], "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"},
        "warning",
    ),
    (checkup.provider, "CALLBOARD_SMS_BACKEND", {"SMS_BACKEND": None}, "warning"),
    (checkup.provider, "CALLBOARD_SMS_BACKEND", {"SMS_BACKEND": "simulator", "DEMO": False, "DEBUG": False}, "warning"),
    (checkup.provider, "CALLBOARD_SMS_BACKEND", {"SMS_BACKEND": "simulator", "DEMO": True}, "good"),
    (checkup.provider, "callbacks", {"SMS_BACKEND": "twilio", "PUBLIC_URL": "http://127.0.0.1:8000"}, "fault"),
]


@pytest.mark.parametrize(("check", "name", "values", "level"), SETTINGS)
def test_settings_are_judged(settings, check, name, values, level):
    for key, value in values.items():
        setattr(settings, key, value)
    assert levels(check)[name] == level


HERE, WORLD = "http://127.0.0.1:8000", "https://callboard.example"


@pytest.mark.parametrize(
    ("number", "redis", "address", "found"),
    [
        (180006, "8.2.2", WORLD, ("good", "good")),
        (180004, "6.2.14", WORLD, ("warning", "warning")),
        (180004, "6.2.14", HERE, ("note", "note")),
        (150019, "6.2.20", WORLD, ("good", "good")),
        (190000, "7.0.15", WORLD, ("good", "good")),
        (140024, "6.0.20", HERE, ("fault", "fault")),
        (170010, "255.255.255", WORLD, ("warning", "good")),
    ],
)
def test_servers_that_are_old_or_have_known_holes_are_told(monkeypatch, settings, number, redis, address, found):
    settings.PUBLIC_URL = address
    monkeypatch.setattr(servers, "_postgres", lambda: (number, str(number)))
    monkeypatch.setattr(servers, "_redis", lambda: redis)
    assert tuple(levels(servers.versions).values()) == found


# --- The database ------------------------------------------------------------------------------------


def test_a_whole_database_has_no_fault(db):
    for check in (catalogue.owner, catalogue.role, catalogue.policies, catalogue.indexes, catalogue.constraints):
        assert set(levels(check).values()) == {"good"}, check.__name__


def test_the_tables_that_are_looked_at_are_all_that_are_guarded(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname::text FROM pg_class WHERE relrowsecurity AND relkind = 'r'")
        assert sorted(catalogue.guarded()) == sorted(name for (name,) in cursor.fetchall())


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE messaging_message NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE messaging_message DISABLE ROW LEVEL SECURITY",
        "DROP POLICY message_seen ON messaging_message",
        "CREATE POLICY everybody ON messaging_message FOR SELECT TO callboard_api USING (true)",
        "CREATE POLICY everybody ON messaging_message USING (true)",
        "ALTER POLICY message_seen ON messaging_message USING (true)",
    ],
)
def test_a_table_without_its_policies_is_named(db, statement):
    sql(statement)
    assert levels(catalogue.policies) == {"messaging_message": "fault"}


def test_a_constraint_that_was_never_checked_is_named(db):
    sql("ALTER TABLE events_event ADD CONSTRAINT hasty CHECK (name <> 'x') NOT VALID")
    assert levels(catalogue.constraints) == {"hasty": "warning"}


@pytest.mark.django_db(transaction=True)
def test_an_invalid_index_is_named_with_what_mends_it(transactional_db):
    sql("CREATE TABLE public.doctor_ward AS SELECT 1 AS bed FROM generate_series(1, 2)")
    try:
        with pytest.raises(IntegrityError):
            sql("CREATE UNIQUE INDEX CONCURRENTLY ward_bed ON public.doctor_ward (bed)")
        (found,) = catalogue.indexes()
        assert (found.level, found.name) == ("fault", "ward_bed")
        assert found.remedy == "REINDEX INDEX CONCURRENTLY ward_bed"
    finally:
        sql("DROP TABLE public.doctor_ward")


def test_a_mighty_user_and_role_are_told(db, monkeypatch):
    """Only a superuser could make one, so the catalogue's answer stands in."""
    monkeypatch.setattr(catalogue, "_rows", lambda *_: [("postgres", True, False)])
    assert levels(catalogue.owner) == {"database user": "fault"}
    monkeypatch.setattr(catalogue, "_rows", lambda *_: [(True, True, False)])
    assert [finding.level for finding in catalogue.role()] == ["fault", "warning", "fault"]
    monkeypatch.setattr(catalogue, "_rows", lambda *_: [])
    assert [finding.level for finding in catalogue.role()] == ["fault"]


def test_a_database_that_may_lose_what_was_answered_is_told(db):
    sql("SET LOCAL synchronous_commit = off")
    assert levels(catalogue.durability)["synchronous_commit"] == "fault"


@pytest.mark.parametrize(("apart", "level"), [(0.5, "good"), (-3, "warning"), (3, "warning"), (31, "fault")])
def test_clocks_that_disagree_are_told(apart, level):
    assert servers._clock("clock of Redis", apart).level == level


def test_clocks_of_the_servers_are_read(db, monkeypatch):
    assert set(levels(servers.clocks).values()) == {"good"}
    now = time.time
    monkeypatch.setattr(servers.time, "time", lambda: now() - 60)
    assert set(levels(servers.clocks).values()) == {"fault"}


def test_parts_that_do_not_answer_are_told_with_what_to_do(db, monkeypatch):
    monkeypatch.setattr(health, "CANARY_PATIENCE_SECONDS", 0)
    found = {finding.name: finding for finding in servers.parts()}
    assert found["database"].level == found["redis"].level == "good"
    assert found["beat"].level == "fault"
    assert "beat" in found["beat"].remedy


# --- The screen -----------------------------------------------------------------------------------


@pytest.fixture
def only(monkeypatch):
    def register(*findings: doctor.Finding) -> None:
        monkeypatch.setattr(doctor, "_checks", {doctor.SAFE: [lambda: findings]})

    return register


def run(*arguments: str) -> tuple[str, bool]:
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def test_one_screen_says_what_and_what_to_do(only):
    only(doctor.good("a", "well"), doctor.note("b", "so"), doctor.warning("c", "hm", "Look."))
    said, is_well = run()
    assert is_well
    assert "ok     a" in said
    assert "WARN   c: hm\n         → Look." in said
    assert "1 good, 1 note, 1 warning, 0 fault" in said
    assert run("--strict")[1] is False
    assert "a: well" in run("--all")[0]


def test_a_fault_is_an_exit_code(only):
    only(doctor.fault("a", "broken", "Mend it."))
    assert run()[1] is False


def test_a_check_that_fails_is_a_finding_and_quotes_nothing(monkeypatch):
    def host_of_the_database():
        raise RuntimeError("postgres://user:secret@db-7")

    monkeypatch.setattr(doctor, "_checks", {doctor.SAFE: [host_of_the_database]})
    said, is_well = run()
    assert not is_well
    assert "host of the database: cannot be asked (RuntimeError)" in said
    assert "secret" not in said


def test_it_looks_where_nothing_is_reachable():
    environment = {
        **os.environ,
        "DATABASE_URL": "postgres://x:hidden@127.0.0.1:1/x",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "FAULT  database" in done.stdout
    assert "FAULT  redis" in done.stdout
    assert "hidden" not in done.stdout + done.stderr


def test_the_admin_shows_the_same_to_operators_alone(db, only):
    only(doctor.fault("a", "broken <b>", "Mend it."))
    client = Client()
    client.force_login(make_user("clerk", is_staff=True))
    assert client.get("/admin/rollout/alarm/doctor/").status_code == 403
    boss = make_user("boss", is_staff=True)
    boss.user_permissions.add(Permission.objects.get(codename="acknowledge_alarm"))
    client.force_login(boss)
    page = client.get("/admin/rollout/alarm/doctor/").content.decode()
    assert "Something is wrong." in page
    assert "broken &lt;b&gt;" in page
    assert "Mend it." in page
