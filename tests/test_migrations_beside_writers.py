"""No migration stops people who write, in either direction, also where somebody reads for long meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psycopg
import pytest

from tests.databases import OURS, ROOT, Database, an_empty_database
from tests.waiting import PATIENCE, wait_until

# Who waits for a lock for longer has been stopped by a migration.
LONGEST_STALL_MS = 1500
# These make the first tables: there is nothing to write to before.
FIRST = {
    ("api", "0001_api_role"),
    ("accounts", "0001_people_tokens_audit"),
    ("events", "0001_events_members_help_blocks"),
}

FEED_COLUMNS = "0005_feed_columns_and_indexes"
# The newest; all of them in the long form.
NEWEST = None if os.environ.get("CALLBOARD_TEST_LONG") else 6

# Runs in a process of its own: a line in is an app and a migration, a line out is that it is done.
MIGRATOR = """
import sys
from django.conf import settings
import config.settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
for line in sys.stdin:
    call_command("migrate", *line.split(), verbosity=0)
    print("done", flush=True)
"""

WORLD = """
INSERT INTO events_event (id, slug, name, starts_at, ends_at, timezone, created_at)
VALUES (gen_random_uuid(), 'show', 'Show', now(), now() + interval '1 day', 'UTC', now());
INSERT INTO accounts_user (id, username, name, password, is_superuser, is_staff, is_active, created_at)
SELECT gen_random_uuid(), 'person_' || n, 'Person', '', false, false, true, now() FROM generate_series(1, 5) AS n;
INSERT INTO events_membership (id, event_id, user_id, role, tags, joined_at, created_at)
SELECT gen_random_uuid(), event.id, person.id, 'attendee', '{}', now(), now()
FROM events_event event, accounts_user person;
INSERT INTO messaging_conversation (id, event_id, kind, title, maker_id, created_at, last_message_at)
SELECT gen_random_uuid(), event.id, 'group', 'Crew', person.id, now(), now()
FROM events_event event, (SELECT id FROM accounts_user LIMIT 1) person;
INSERT INTO messaging_participant (conversation_id, user_id)
SELECT talk.id, person.id FROM messaging_conversation talk, accounts_user person;
"""

# What requests write all the time, by the columns that the first migrations made.
WRITES = {
    "sends": """
        WITH said AS (
            INSERT INTO messaging_message (id, event_id, conversation_id, message_type, sender_id, content, roles, tags)
            SELECT gen_random_uuid(), event_id, id, 'direct', maker_id, 'x', '{}', '{}' FROM messaging_conversation
            RETURNING *
        ), moved AS (
            UPDATE messaging_conversation SET last_message_id = said.id, last_message_at = said.created_at
            FROM said WHERE messaging_conversation.id = said.conversation_id
        )
        INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
        SELECT said.id, taking_part.user_id, said.event_id, said.sender_id, said.created_at
        FROM said JOIN messaging_participant taking_part ON taking_part.conversation_id = said.conversation_id
        WHERE taking_part.user_id <> said.sender_id
    """,
    "announcements": """
        INSERT INTO messaging_message (id, event_id, message_type, sender_id, content, roles, tags)
        SELECT gen_random_uuid(), event_id, 'announcement', maker_id, 'x', '{}', '{}' FROM messaging_conversation
    """,
    "members": """
        UPDATE events_membership SET tags = '{crew}' WHERE user_id = (SELECT id FROM accounts_user ORDER BY id LIMIT 1)
    """,
    "blocks": """
        INSERT INTO events_block (id, blocker_id, blocked_id, created_at)
        SELECT gen_random_uuid(), one.id, other.id, now() FROM accounts_user one, accounts_user other
        WHERE one.id <> other.id ORDER BY random() LIMIT 1 ON CONFLICT DO NOTHING
    """,
    "sign-ins": "UPDATE accounts_user SET last_login = now() WHERE username = 'person_2'",
    "audit": """
        INSERT INTO accounts_auditentry (id, at, action, object_type, object_id, data)
        VALUES (gen_random_uuid(), now(), 'looked', 'x', 'x', '{}')
    """,
    "reads": """
        SELECT count(*) FROM messaging_message message JOIN accounts_user sender ON sender.id = message.sender_id
        JOIN events_membership mine ON mine.event_id = message.event_id WHERE message.id IS NULL
    """,
}


class Writer(threading.Thread):
    """Writes one thing over and over, and waits for no lock longer than LONGEST_STALL_MS."""

    def __init__(self, url: str, name: str, statement: str):
        super().__init__(name=name, daemon=True)
        self.url, self.statement = url, statement
        self.is_over = threading.Event()
        self.written, self.longest, self.failures = 0, 0.0, []

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True, options=f"-c lock_timeout={LONGEST_STALL_MS}") as opened:
            while not self.is_over.wait(0.03):
                began = time.monotonic()
                try:
                    # What it writes to may have gone back for a while; nobody stops it then either.
                    with suppress(psycopg.errors.UndefinedTable):
                        opened.execute(self.statement)
                    self.written += 1
                except psycopg.Error as error:
                    self.failures.append(f"{self.name}: {error}")
                self.longest = max(self.longest, time.monotonic() - began)


class Migrator:
    NAME = "a migration"

    def __init__(self, database: Database):
        self.process = subprocess.Popen(
            [sys.executable, "-c", MIGRATOR, database.parameters["dbname"]],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PGAPPNAME": self.NAME},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.asked, self.done = 0, 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for _ in self.process.stdout:
            self.done += 1

    def begin(self, app: str, name: str) -> None:
        self.asked += 1
        self.process.stdin.write(f"{app} {name}\n")
        self.process.stdin.flush()

    def is_done(self) -> bool:
        assert self.process.poll() is None, "a migration failed; its error stands above"
        return self.done == self.asked


class Reader:
    """Somebody who reads a bit and then takes their time, with every lock of it in hand."""

    def __init__(self, database: Database, *tables: str, isolation=psycopg.IsolationLevel.REPEATABLE_READ):
        self.connection = psycopg.connect(database.url)
        self.connection.isolation_level = isolation
        self.tables = tables

    def begin(self) -> None:
        for name in self.tables or self._all():
            self.connection.execute(f'SELECT FROM "{name}" LIMIT 1')

    def _all(self) -> list[str]:
        rows = self.connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
            " AND split_part(relname, '_', 1) = ANY(%s)",
            [list(OURS)],
        )
        return [name for (name,) in rows.fetchall()]

    def end(self) -> None:
        self.connection.rollback()


def steps(database: Database) -> list[tuple[str, str, str]]:
    """(app, the migration before, itself) of every migration of ours but the first, in order."""
    found, before = [], {}
    for app, name in database.rows("SELECT app, name FROM django_migrations ORDER BY id"):
        if app in OURS and (app, name) not in FIRST:
            found.append((app, before.get(app, "zero"), name))
        before[app] = name
    return found


def is_waiting(database: Database) -> bool:
    return bool(
        database.rows(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            f" AND application_name = '{Migrator.NAME}' AND wait_event_type = 'Lock'"
        )
    )


@pytest.fixture
def written_to(db):
    """A database of its own, with everybody who writes to it; nobody was stopped in it."""
    with an_empty_database() as database:
        database.migrate()
        with psycopg.connect(database.url) as opened:
            opened.execute(WORLD)
        writers = [Writer(database.url, name, statement) for name, statement in WRITES.items()]
        for writer in writers:
            writer.start()
        yield database, writers
        for writer in writers:
            writer.is_over.set()
        for writer in writers:
            writer.join(PATIENCE)
        assert [failure for writer in writers for failure in writer.failures[:3]] == []


@pytest.fixture
def move(written_to):
    """Begins a step of `migrate` while the reader holds what they read; they let go once all writers have gone on
    beside it."""
    database, writers = written_to
    migrator = Migrator(database)

    def move(app: str, name: str, reader: Reader) -> None:
        reader.begin()
        migrator.begin(app, name)
        wait_until(lambda: migrator.is_done() or is_waiting(database))
        if not migrator.is_done():
            before = [writer.written for writer in writers]
            wait_until(lambda: all(now.written > then + 3 for now, then in zip(writers, before, strict=True)))
        reader.end()
        wait_until(migrator.is_done)

    yield move
    migrator.process.kill()
    migrator.process.wait(PATIENCE)


@pytest.mark.slow
def test_migrations_go_back_and_forward_beside_writers_and_a_long_reader(written_to, move, figure):
    """No write waits for a lock for longer than is promised: PostgreSQL would end it, and nothing here is timed."""
    database, writers = written_to
    path, schema, reader = steps(database)[-(NEWEST or 0) :], database.schema(), Reader(database)
    for app, before, name in reversed(path):
        if name == FEED_COLUMNS:
            empties_beside_a_reader(database, move)
            move(app, name, reader)
        move(app, before, reader)
    for app, _, name in path:
        move(app, name, reader)
    reader.connection.close()
    invalid = database.rows("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
    figure("migrations", len(path))
    figure("writes", sum(writer.written for writer in writers))
    figure("longest stall", max(writer.longest for writer in writers))
    figure("writers stopped", sum(bool(writer.failures) for writer in writers))
    figure("invalid indexes", len(invalid))
    assert invalid == []
    assert database.schema() == schema


def empties_beside_a_reader(database: Database, move) -> None:
    """Of a migration without a transaction a reader may meet any step: here one behind indexes that are built
    concurrently, which wait for nobody who has no snapshot in hand."""
    reader = Reader(database, "messaging_addressee", isolation=psycopg.IsolationLevel.READ_COMMITTED)
    move("messaging", "0004_feed_tables", reader)
    reader.connection.close()
