"""Backups of the database: one moment, dumped, counted at that very moment, and opened again to be compared.

pg_dump and pg_restore do the work. What is here is what they leave to whoever uses them: that every row was there to be
read, that nothing is missing in the copy, and that what a copy would do again on its own (texts) it does not do.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from config import servers
from config.postgres_programs import Failed, Progress, Server

ROLE = "callboard_api"

# Who obeys policies sees all of a table only through one that leaves nothing out.
_HIDDEN = """
    SELECT format('%I.%I', namespace.nspname, class.relname)
    FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
    WHERE class.relkind IN ('r', 'p') AND namespace.nspname !~ '^pg_|^information_schema$'
      AND NOT (
        has_table_privilege(class.oid, 'SELECT')
        AND (
            NOT row_security_active(class.oid)
            OR EXISTS (
                SELECT FROM pg_policy policy
                WHERE policy.polrelid = class.oid AND policy.polpermissive AND policy.polcmd IN ('*', 'r')
                  AND pg_get_expr(policy.polqual, policy.polrelid) = 'true'
                  AND EXISTS (
                      SELECT FROM unnest(policy.polroles) AS reader(id)
                      WHERE reader.id = 0 OR pg_has_role(reader.id, 'USAGE')
                  )
            )
            AND NOT EXISTS (
                SELECT FROM pg_policy policy WHERE policy.polrelid = class.oid AND NOT policy.polpermissive
            )
        )
      )
    ORDER BY 1
"""
_TABLES = """
    SELECT namespace.nspname, class.relname
    FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
    WHERE class.relkind IN ('r', 'p') AND namespace.nspname !~ '^pg_|^information_schema$'
    ORDER BY 1, 2
"""
# A copy knows of no text that went out after it was made. Once is the promise: so those that waited then end here.
_END_TEXTS = """
    UPDATE messaging_text SET
        state = 'suppressed', reason = 'expired', cause = 'restored', lease_token = NULL, lease_until = NULL
    WHERE state IN ('queued', 'sending', 'unknown')
"""
# The log is in the order of transactions, which each server counts by itself: on one that has not come so far, what is
# said from now on would stand before what was said long ago. What the log does not know is found by its time.
_FORGET_ANOTHER_SERVERS_LOG = """
    DELETE FROM messaging_logentry
    WHERE EXISTS (SELECT FROM messaging_logentry WHERE xid > pg_current_xact_id()::text::bigint)
"""

_RENAME = sql.SQL("ALTER DATABASE {} RENAME TO {}")


@dataclass(frozen=True)
class Manifest:
    """What lies beside a dump and tells whether a copy of it is whole."""

    made_at: str
    database: str
    server_version: int
    migrations: list[str]
    rows: dict[str, int]
    bytes: int
    sha256: str

    @classmethod
    def of(cls, file: Path) -> Manifest:
        try:
            return cls(**json.loads(beside(file).read_text()))
        except FileNotFoundError:
            raise Failed(f"{beside(file)} is not there: it was made with the backup and belongs beside it") from None
        except (OSError, ValueError, TypeError) as error:
            raise Failed(f"{beside(file)} cannot be read: {error}") from None


def beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def make(file: Path, *, progress: Progress) -> Manifest:
    """Dumps the database of the settings; the file appears when it is whole."""
    if file.exists():
        raise Failed(f"{file} is there already: name another file, or move that one away")
    server, partial = Server.of_django(), file.with_name(f"{file.name}.partial")
    made_at = datetime.now(UTC)
    try:
        with _writable(partial), server.connect() as opened, opened.transaction():
            # Dump and counts are of one moment, while everybody goes on writing.
            opened.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            _refuse_half_a_view(opened)
            snapshot = opened.execute("SELECT pg_export_snapshot()").fetchone()[0]
            options = ("--format=custom", "--compress=3", "--no-owner", "--enable-row-security")
            number = len(opened.execute(_TABLES).fetchall())
            server.run(
                "pg_dump", *options, f"--snapshot={snapshot}", f"--file={partial}", tables=number, progress=progress
            )
            manifest = Manifest(
                made_at=made_at.isoformat(timespec="seconds"),
                database=server.name,
                server_version=opened.info.server_version,
                migrations=_migrations(opened),
                rows=counted(opened),
                bytes=partial.stat().st_size,
                sha256=_digest(partial),
            )
        beside(file).write_text(json.dumps(asdict(manifest), indent=1) + "\n")
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def open_copy(file: Path, manifest: Manifest, *, progress: Progress) -> None:
    """Restores the file into a database of its own on the same server, compares, and takes that database away."""
    with for_now() as name:
        load(file, manifest, name, progress=progress)


@contextmanager
def for_now() -> Iterator[str]:
    """The name of a database that is gone afterwards; what a killed run has left behind goes first."""
    prefix = f"{present()}_for_now_"
    with _maintenance() as opened:
        # One run at a time: of those that are there, none is anybody's any more.
        if not opened.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [prefix]).fetchone()[0]:
            servers.say("waiting for another backup or restore of this database to end")
            opened.execute("SELECT pg_advisory_lock(hashtext(%s))", [prefix])
        left = opened.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]).fetchall()
        name = f"{prefix}{uuid4().hex[:8]}"
        try:
            for row in left:
                drop(row[0])
            yield name
        finally:
            drop(name)


def load(file: Path, manifest: Manifest, name: str, *, progress: Progress) -> None:
    """Into a new database of this name: whole and equal to what was counted, or Failed."""
    _refuse_unusable(file, manifest)
    with _maintenance() as opened:
        _refuse_without_role(opened)
        try:
            # Sorting and all else as this server has it.
            opened.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            user = opened.info.user
            raise Failed(f"{user} may not make databases: an administrator does ALTER ROLE {user} CREATEDB") from None
    try:
        _fill(Server.of_django().of(name), file, manifest, progress)
    except BaseException:
        drop(name)
        raise


def _fill(copy: Server, file: Path, manifest: Manifest, progress: Progress) -> None:
    options = ("--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={copy.name}")
    copy.run("pg_restore", *options, file, tables=len(manifest.rows), progress=progress)
    with copy.connect() as opened:
        opened.execute("ANALYZE")
        _refuse_differences(manifest.rows, counted(opened))


def drop(name: str) -> None:
    with _maintenance() as opened:
        opened.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def settle(name: str, *, keep_texts: bool) -> int:
    """Before a copy is served: writing is off in it, and no text waits, unless it is to go out. How many did."""
    with Server.of_django().of(name).connect() as opened, opened.transaction():
        opened.execute("INSERT INTO api_maintenance (id, since) VALUES (1, now()) ON CONFLICT DO NOTHING")
        opened.execute(_FORGET_ANOTHER_SERVERS_LOG)
        if keep_texts:
            return 0
        return opened.execute(_END_TEXTS).rowcount


def refuse_taken(name: str) -> None:
    with _maintenance() as opened:
        if opened.execute("SELECT true FROM pg_database WHERE datname = %s", [name]).fetchone():
            raise Failed(f"there is a database {name} already: name another")


def keep_as(wanted: str, name: str) -> None:
    """It has its own name when nothing is left to be done with it."""
    refuse_taken(wanted)
    with _maintenance() as opened:
        opened.execute(_RENAME.format(sql.Identifier(name), sql.Identifier(wanted)))


def put_in_place(name: str) -> str:
    """The database of the settings gives its name to this one, and is kept under another, which is returned."""
    kept = f"{present()}_before_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    refuse_in_use()
    with _maintenance() as opened, opened.transaction():
        opened.execute(_RENAME.format(sql.Identifier(present()), sql.Identifier(kept)))
        opened.execute(_RENAME.format(sql.Identifier(name), sql.Identifier(present())))
    return kept


def refuse_in_use() -> None:
    connection.close()
    with _maintenance() as opened:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
        users = opened.execute(asked, [present()]).fetchone()[0]
    if users:
        raise Failed(f"{present()} is in use by {users} connections: stop every process and run this again")


def present() -> str:
    return Server.of_django().name


def counted(opened: psycopg.Connection) -> dict[str, int]:
    tables = opened.execute(_TABLES).fetchall()
    count = sql.SQL("SELECT count(*) FROM {}")
    return {f"{schema}.{table}": opened.execute(count.format(sql.Identifier(schema, table))).fetchone()[0]
            for schema, table in tables}  # fmt: skip


def pending(manifest: Manifest) -> list[str]:
    """Migrations of this code that the backup does not know; Failed where it knows of some that this code does not."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if foreign := sorted(set(manifest.migrations) - known):
        raise Failed(f"the backup is of a newer Callboard, which has {foreign[0]}: restore it with that one's code")
    return sorted(known - set(manifest.migrations))


def _migrations(opened: psycopg.Connection) -> list[str]:
    return [row[0] for row in opened.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1").fetchall()]


@contextmanager
def _maintenance() -> Iterator[psycopg.Connection]:
    with Server.of_django().of("postgres").connect() as opened:
        yield opened


@contextmanager
def _writable(file: Path) -> Iterator[None]:
    """What everybody wrote to each other is in it: for nobody but its owner."""
    try:
        file.unlink(missing_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield
    except OSError as error:
        raise Failed(f"{file} cannot be written: {error.strerror}") from None


def _refuse_half_a_view(opened: psycopg.Connection) -> None:
    if hidden := [row[0] for row in opened.execute(_HIDDEN).fetchall()]:
        user = opened.info.user
        raise Failed(
            f"{user} does not see every row of {', '.join(hidden[:5])}{' …' if len(hidden) > 5 else ''}: back up as the"
            " owner of the tables, as a superuser, or as a role with BYPASSRLS"
        )


def _refuse_unusable(file: Path, manifest: Manifest) -> None:
    if not file.is_file():
        raise Failed(f"{file} is not there")
    if file.stat().st_size != manifest.bytes or _digest(file) != manifest.sha256:
        raise Failed(f"{file} is not as it was made: its checksum differs from that in {beside(file).name}")


def _refuse_without_role(opened: psycopg.Connection) -> None:
    if not opened.execute("SELECT true FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
        words = f"CREATE ROLE {ROLE} NOLOGIN; GRANT {ROLE} TO {opened.info.user};"
        raise Failed(f"the role {ROLE} is not on this server; an administrator makes it: {words}")


def _refuse_differences(wanted: dict[str, int], found: dict[str, int]) -> None:
    for table in sorted(wanted.keys() | found.keys()):
        if wanted.get(table) != found.get(table):
            raise Failed(f"the copy differs: {table} had {wanted.get(table)} rows and has {found.get(table)}")


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
