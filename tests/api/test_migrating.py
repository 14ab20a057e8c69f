"""A migration that is held up changes nothing, stops nobody for long, and says so in the end."""

from __future__ import annotations

import psycopg
import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError
from django.db import connection, migrations

from api import migrating
from tests.databases import Database


def migration_of(*statements: str, is_atomic: bool = True) -> migrations.Migration:
    made = migrations.Migration("held_up", "api")
    made.operations = [migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in statements]
    made.atomic = is_atomic
    return made


@pytest.fixture
def somebody_reads(transactional_db):
    with psycopg.connect(Database(connection.settings_dict["NAME"]).url) as reader:
        reader.execute("SELECT FROM accounts_user")
        yield reader


TAKES_ALL = "LOCK TABLE accounts_user IN ACCESS EXCLUSIVE MODE"
LEAVES = "CREATE TABLE api_left ()"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["apply_migration", "unapply_migration"])
def test_it_gives_up_in_the_end_and_leaves_nothing(somebody_reads, monkeypatch, deed):
    monkeypatch.setattr(migrating, "PATIENCE_SECONDS", 0.5)
    executor = migrating.PatientExecutor(connection)
    held_up = migration_of(LEAVES, TAKES_ALL)
    held_up.operations = [
        migrations.RunSQL(step.sql, reverse)
        for step, reverse in zip(held_up.operations, (TAKES_ALL, LEAVES), strict=True)
    ]
    with pytest.raises(CommandError, match="Others held what api.held_up needs"):
        getattr(executor, deed)(executor.loader.project_state(), held_up)
    assert "api_left" not in connection.introspection.table_names()
    assert ("api", "held_up") not in executor.recorder.applied_migrations()


@pytest.mark.django_db(transaction=True)
def test_the_limit_ends_with_the_migration_and_others_have_none(transactional_db):
    executor = migrating.PatientExecutor(connection)
    state = executor.loader.project_state()
    says = "DO $$ BEGIN IF current_setting('lock_timeout') <> '{}' THEN RAISE 'it is otherwise'; END IF; END $$"
    for is_atomic, limit in ((True, f"{migrating.LOCK_TIMEOUT_MS}ms"), (False, "0")):
        asked = migration_of(says.format(limit), is_atomic=is_atomic)
        executor.apply_migration(state, asked)
        executor.unapply_migration(state, asked)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_otherwise_is_told_at_once(transactional_db):
    executor = migrating.PatientExecutor(connection)
    with pytest.raises(Exception, match="division by zero"):
        executor.apply_migration(executor.loader.project_state(), migration_of("SELECT 1 / 0"))


def test_the_command_is_ours():
    command = load_command_class(get_commands()["migrate"], "migrate")
    assert type(command).__module__ == "api.management.commands.migrate"
