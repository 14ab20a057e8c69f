"""Backups: whole, of one moment, opened and compared; and restored without doing anything twice."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from config import backups
from config.environment import REPOSITORY
from config.postgres_programs import Failed, Server
from messaging import log
from tests.conftest import make_user
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
# Nothing is written, so nothing has to be emptied afterwards.
reads_alone = pytest.mark.django_db


def quietly(done: int, of: int) -> None:
    pass


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "callboard.dump"


@pytest.fixture(scope="module")
def made(django_db_setup, tmp_path_factory) -> Path:
    """A backup, for tests that only read one."""
    file = tmp_path_factory.mktemp("made") / "callboard.dump"
    backups.make(file, progress=quietly)
    return file


@pytest.fixture
def manifest(made, file) -> backups.Manifest:
    """Of a backup that is `file`."""
    for name in (made, backups.beside(made)):
        shutil.copy(name, file.parent)
    return backups.Manifest.of(file)


@pytest.fixture
def demo():
    call_command("seed_demo", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115


@pytest.fixture
def copy():
    """The name of a database that is not there, and is not there afterwards."""
    name = f"{backups.present()}_copy"
    backups.drop(name)
    yield name
    backups.drop(name)


def in_copy(name: str, statement: str) -> list:
    with Server.of_django().of(name).connect() as opened:
        cursor = opened.execute(statement)
        return cursor.fetchall() if cursor.description is not None else []


def a_text(state: str) -> int:
    """A delivery and its text, which stands like this."""
    from messaging.sms.models import Text

    user = make_user(f"has_{state}")
    leased = {"lease_token": user.id, "lease_until": "2030-01-01T00:00Z", "began_at": "2026-01-01T00:00Z"}
    text = Text.objects.create(
        delivery_id=Text.objects.count() + 1, message_id=user.id, event_id=user.id, user_id=user.id,
        sender_id=user.id, state="queued",
    )  # fmt: skip
    if state != "queued":
        Text.objects.filter(delivery_id=text.delivery_id).update(
            state="sending", attempts=1, phone="+15005550006", **leased
        )
    return text.delivery_id


def test_a_backup_is_restored_whole_with_writing_switched_off(demo, file, copy, capsys):
    call_command("backup", str(file))
    assert "A copy was opened: every table has as many rows as it had." in capsys.readouterr().out
    call_command("restore", str(file), into=copy)
    wanted = json.loads(backups.beside(file).read_text())["rows"]
    assert wanted["public.messaging_message"] > 0
    with Server.of_django().of(copy).connect() as opened:
        found = backups.counted(opened)
    assert found == wanted | {"public.api_maintenance": 1}
    assert "Writing is off in it" in capsys.readouterr().out


@reads_alone
def test_nobody_else_can_read_the_file(made):
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_texts_that_waited_end_in_the_copy_alone(file, copy, capsys):
    waiting = {a_text("queued"), a_text("sending")}
    call_command("backup", str(file), no_check=True)
    call_command("restore", str(file), into=copy)
    ended = in_copy(copy, "SELECT delivery_id FROM messaging_text WHERE state = 'suppressed' AND reason = 'expired'")
    assert {row[0] for row in ended} == waiting
    assert "2 texts that waited to go out were ended there" in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM messaging_text ORDER BY state")
        assert cursor.fetchall() == [("queued",), ("sending",)]


def test_texts_may_be_left_waiting_and_this_servers_log_stays(file, copy):
    a_text("queued")
    log.add("typing", event_id=uuid4())
    call_command("backup", str(file), no_check=True)
    call_command("restore", str(file), into=copy, keep_texts=True)
    assert in_copy(copy, "SELECT state FROM messaging_text") == [("queued",)]
    assert in_copy(copy, "SELECT kind FROM messaging_logentry WHERE kind = 'typing'") == [("typing",)]


def test_a_log_in_the_order_of_another_servers_transactions_is_forgotten(file, copy):
    log.add("typing", event_id=uuid4())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_logentry SET xid = xid + %s", [2**40])
    call_command("backup", str(file), no_check=True)
    call_command("restore", str(file), into=copy)
    assert in_copy(copy, "SELECT count(*) FROM messaging_logentry") == [(0,)]


def test_dump_and_counts_are_of_one_moment(file):
    """Or the copy would differ from what was counted."""
    parameters, has_ended = Server.of_django().parameters, threading.Event()

    def write() -> None:
        with psycopg.connect(psycopg.conninfo.make_conninfo(**parameters), autocommit=True) as opened:
            while not has_ended.is_set():
                opened.execute("INSERT INTO django_session VALUES (gen_random_uuid()::text, '', now())")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backups.open_copy(file, backups.make(file, progress=quietly), progress=quietly)
    finally:
        has_ended.set()
        writer.join()


def test_who_does_not_see_every_row_makes_no_backup(file):
    with connection.cursor() as cursor:
        cursor.execute("ALTER POLICY message_owner ON messaging_message USING (conversation_id IS NOT NULL)")
    try:
        with pytest.raises(Failed, match="does not see every row of public.messaging_message: back up as"):
            backups.make(file, progress=quietly)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER POLICY message_owner ON messaging_message USING (true)")
    assert list(file.parent.iterdir()) == []


@reads_alone
def test_a_file_that_is_there_is_not_written_over(file):
    file.write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(file))
    assert file.read_text() == "mine"


@reads_alone
def test_a_folder_that_is_not_there_is_said(file):
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        call_command("backup", str(file.parent / "none" / "x.dump"))


@reads_alone
@pytest.mark.parametrize("harm", ["damaged", "cut short", "without its counts", "gone"])
def test_a_file_that_is_not_as_it_was_made_is_not_restored(file, manifest, copy, harm):
    content = file.read_bytes()
    if harm == "damaged":
        file.write_bytes(content[:-100] + b"x" * 100)
    elif harm == "cut short":
        file.write_bytes(content[:-100])
    elif harm == "without its counts":
        backups.beside(file).unlink()
    else:
        file.unlink()
    with pytest.raises(CommandError, match="checksum differs|is not there"):
        call_command("restore", str(file), into=copy)
    assert in_copy("postgres", f"SELECT FROM pg_database WHERE datname = '{copy}'") == []


@reads_alone
def test_a_copy_that_lacks_rows_is_refused_and_taken_away(file, manifest, copy):
    wanted = replace(manifest, rows=manifest.rows | {"public.messaging_message": 7})
    with pytest.raises(Failed, match="public.messaging_message had 7 rows and has 0"):
        backups.load(file, wanted, copy, progress=quietly)
    assert in_copy("postgres", f"SELECT FROM pg_database WHERE datname = '{copy}'") == []


@reads_alone
def test_a_database_that_is_there_is_not_restored_into(file, manifest):
    with pytest.raises(CommandError, match="already: name another"):
        call_command("restore", str(file), into=backups.present())


@reads_alone
def test_a_backup_of_newer_code_is_refused(file, manifest, copy):
    newer = {**json.loads(backups.beside(file).read_text()), "migrations": [*manifest.migrations, "messaging.9999_x"]}
    backups.beside(file).write_text(json.dumps(newer))
    with pytest.raises(CommandError, match=r"newer Callboard, which has messaging\.9999_x"):
        call_command("restore", str(file), into=copy)


@reads_alone
def test_a_restored_database_takes_the_place_of_the_present_one_which_is_kept(file, manifest, copy):
    """Of a database of its own, by commands as an operator gives them."""
    backups.load(file, manifest, copy, progress=quietly)
    server = Server.of_django().of(copy)
    with server.connect() as opened:
        opened.execute("INSERT INTO django_session VALUES ('later', '', now())")
        refused = manage(server, "restore", str(file), "--replace", "--yes")
        assert "is in use by 1 connections: stop every process" in refused.stderr
    done = manage(server, "restore", str(file), "--replace", "--yes")
    assert done.returncode == 0, done.stderr
    kept = done.stdout.partition("is kept as ")[2].partition(".\n")[0]
    try:
        assert in_copy(copy, "SELECT count(*) FROM django_session") == [(0,)]
        assert in_copy(kept, "SELECT session_key FROM django_session") == [("later",)]
    finally:
        backups.drop(kept)


@reads_alone
def test_replacing_asks_for_the_name_and_changes_nothing_without_it(file, manifest, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "another")
    with pytest.raises(CommandError, match="nothing was changed"):
        call_command("restore", str(file), replace=True)


@reads_alone
def test_what_a_killed_run_left_behind_goes_with_the_next():
    with backups.for_now() as name:
        in_copy("postgres", f'CREATE DATABASE "{name}" TEMPLATE template0')
        # It outlives the block by another name, as after kill -9.
        in_copy("postgres", f'ALTER DATABASE "{name}" RENAME TO "{name}_killed"')
    left = f"SELECT FROM pg_database WHERE datname = '{name}_killed'"
    assert len(in_copy("postgres", left)) == 1
    with backups.for_now():
        assert in_copy("postgres", left) == []


@reads_alone
def test_who_comes_second_is_told_to_wait(capsys):
    def come() -> None:
        with backups.for_now():
            pass

    with backups.for_now():
        second = threading.Thread(target=come, daemon=True)
        second.start()
        wait_until(lambda: "waiting for another backup" in capsys.readouterr().err)
        assert second.is_alive()
    second.join(PATIENCE)
    assert not second.is_alive()


def manage(server: Server, *arguments: str) -> subprocess.CompletedProcess:
    parts = urlsplit(settings.DATABASE_URL)
    environment = os.environ | {"DATABASE_URL": urlunsplit(parts._replace(path=f"/{server.name}"))}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
