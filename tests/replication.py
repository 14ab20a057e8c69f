"""A primary and its streaming copy, made of the wheel's programs; they hold what the suite's database holds now."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from config import embedded_postgres, home, postgres_settings
from config.postgres_programs import Server, _program
from tests.config.homes import short_folder
from tests.waiting import wait_until


class Copy:
    """A standby that follows the primary of the home."""

    def __init__(self, folder: Path, primary: str):
        self.data, self.sockets = folder / "copy" / "data", folder / "copy" / "run"
        account = embedded_postgres._account()
        for made in (self.data.parent, self.data, self.sockets):
            made.mkdir(mode=0o700)
            if account:
                os.chown(made, account.uid, account.gid)
        self._run("pg_basebackup", "-d", primary, "-D", self.data, "-R", "-X", "stream", "-c", "fast")
        self.start()

    def url(self, user: str, password: str, database: str) -> str:
        return f"postgres://{user}:{password}@/{database}?host={quote(str(self.sockets), safe='')}"

    def start(self) -> None:
        told = {**postgres_settings.of_server(sockets=self.sockets), "hot_standby_feedback": "on"}
        options = shlex.join([part for name, value in told.items() for part in ("-c", f"{name}={value}")])
        log = self.data.parent / "log"
        self._run("pg_ctl", "start", "-D", self.data, "-w", "-t", "60", "-s", "-l", log, "-o", options)

    def stop(self, how: str = "immediate") -> None:
        embedded_postgres._run("pg_ctl", "stop", "-D", self.data, "-m", how, "-w", "-s")

    def freeze(self, *, is_frozen: bool) -> None:
        """All its processes: it takes connections, as the kernel does, and never says a word."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.readlink(process / "cwd") == str(self.data):
                    os.kill(int(process.name), signal.SIGSTOP if is_frozen else signal.SIGCONT)

    @staticmethod
    def _run(program: str, *arguments) -> None:
        result = embedded_postgres._run(program, *arguments, output=subprocess.PIPE)
        assert result.returncode == 0, result.stdout


class Pair:
    def __init__(self, folder: Path):
        home.make()
        with home.alone():
            embedded_postgres.start(lambda said: None)
        self.primary_url, self.superuser_url = home.database_url(), home.superuser_url("callboard")
        self.copy = Copy(folder, home.superuser_url())
        self.copy_url = self.copy.url("callboard", home.password(), "callboard")
        self._copy_superuser_url = self.copy.url("postgres", home.superuser_password(), "callboard")

    def load(self) -> None:
        """What is in the suite's database, over what was here before."""
        with psycopg.connect(self.superuser_url, autocommit=True) as opened:
            opened.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION callboard")
        server = Server.of_django()
        dump = [_program("pg_dump", server), "--no-owner", "--enable-row-security", "--no-password"]
        told = subprocess.run(dump, env={**os.environ, **server.environment}, check=True, capture_output=True)
        psql = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", self.primary_url]
        psql[0] = str(embedded_postgres._programs() / "bin" / "psql")
        loaded = subprocess.run(psql, input=told.stdout, capture_output=True, check=False)
        assert loaded.returncode == 0, loaded.stderr.decode()
        # It is in the order of another server's transactions.
        self.on_primary("DELETE FROM messaging_logentry")
        self.catch_up()

    def catch_up(self) -> None:
        position = self.on_primary("SELECT pg_current_wal_flush_lsn()")
        wait_until(lambda: self.on_copy(f"SELECT pg_last_wal_replay_lsn() >= '{position}'"))

    def on_primary(self, statement: str):
        return _value(self.superuser_url, statement)

    def on_copy(self, statement: str):
        return _value(self._copy_superuser_url, statement)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """The copy goes on receiving, and shows nothing new."""
        self.on_copy("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self.on_copy("SELECT pg_get_wal_replay_pause_state()") == "paused")
        try:
            yield
        finally:
            self.on_copy("SELECT pg_wal_replay_resume()")

    def close(self) -> None:
        self.copy.freeze(is_frozen=False)
        self.copy.stop()
        embedded_postgres.stop()


def _value(url: str, statement: str):
    with psycopg.connect(url, autocommit=True) as opened:
        cursor = opened.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


@contextmanager
def a_pair() -> Iterator[Pair]:
    with short_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALLBOARD_HOME", str(folder))
        pair = Pair(folder)
        try:
            yield pair
        finally:
            pair.close()
            shutil.rmtree(folder, ignore_errors=True)
