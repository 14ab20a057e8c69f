"""PgBouncer, as deploy/pgbouncer.ini sets it up, in front of the suite's PostgreSQL. Debian's; absent elsewhere."""

from __future__ import annotations

import configparser
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from config.environment import REPOSITORY
from config.folder_access import Account
from tests.waiting import PATIENCE, does_listen, free_port, wait_until

INI = REPOSITORY / "deploy" / "pgbouncer.ini"


def program(name: str) -> str:
    """Of the system; where it was promised to be there, its absence is a failure."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if not found and os.environ.get("CALLBOARD_REQUIRE_PROXIES"):
        pytest.fail(f"{name} is required and not here")
    return found or pytest.skip(f"{name} is not here: what goes through it was not tried")


def settings_for(folder: Path, port: int, **more: str) -> str:
    """The file as it is delivered, with this machine's places in it."""
    told = configparser.ConfigParser()
    told.read(INI)
    known = connection.get_connection_params()
    host, server_port = known.get("host") or "/var/run/postgresql", known.get("port") or 5432
    told["databases"] = {"*": f"host={host} port={server_port}"}
    told["pgbouncer"] = {
        **told["pgbouncer"],
        "listen_addr": "",
        "listen_port": str(port),
        "unix_socket_dir": str(folder),
        "auth_type": "trust",
        "auth_file": str(folder / "users"),
        "logfile": str(folder / "log"),
        "pidfile": "",
        **more,
    }
    (folder / "users").write_text(f'"{known["user"]}" "{known.get("password", "")}"\n')
    return "\n".join(
        [f"[{name}]\n" + "\n".join(f"{key} = {value}" for key, value in told[name].items()) for name in told.sections()]
    )


def account() -> dict:
    """It does not run as root, and reaches PostgreSQL's socket as the account that PostgreSQL runs as."""
    if os.geteuid() != 0:
        return {}
    known = connection.get_connection_params()
    sockets = Path(known.get("host") or "/nonexistent", f".s.PGSQL.{known.get('port') or 5432}")
    owner = sockets.stat().st_uid if sockets.exists() else pwd.getpwnam("nobody").pw_uid
    return Account(owner, pwd.getpwuid(owner).pw_gid).as_options()


@contextmanager
def pgbouncer(**more: str) -> Iterator[str]:
    """The address of any database of the server, with `{}` for its name."""
    executable = program("pgbouncer")
    with tempfile.TemporaryDirectory(prefix="cb-pool-", dir="/tmp") as made:
        folder, port = Path(made), free_port()
        file = folder / "pgbouncer.ini"
        file.write_text(settings_for(folder, port, **more) + "\n")
        run_as = account()
        for path in (folder, *folder.iterdir()) if run_as else ():
            os.chown(path, run_as["user"], run_as["group"])
        process = subprocess.Popen([executable, "-q", file], stdin=subprocess.DEVNULL, cwd="/", **run_as)
        try:
            wait_until(lambda: does_listen(f"{folder}/.s.PGSQL.{port}"))
            yield f"postgres://{connection.settings_dict['USER']}@/{{}}?host={quote(made, safe='')}&port={port}"
        finally:
            process.terminate()
            process.wait(PATIENCE)
