"""What is measured: a Callboard of our own, started for it as script/server does, or one that runs already."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg.rows import namedtuple_row

from benchmarks.load import Target
from config import home
from config.environment import REPOSITORY

# Counted for every call, and never reached.
RATE_LIMITS = "1000000/min"
READY_WITHIN = 120
# Texts as fast as they go, whatever they would cost.
TEXTS = {
    "CALLBOARD_SMS_RATE": "10000",
    "CALLBOARD_SMS_EVENT_LIMIT": "1000000",
    "CALLBOARD_SMS_DESTINATION_LIMIT": "1000000",
}
# What a measurement may be about; of the caller's other settings none counts.
KEPT = ("CALLBOARD_WEB_WORKERS", "CALLBOARD_WEB_THREADS", "CALLBOARD_PREPARED_STATEMENTS")
# The processes of the Procfile, by a word of their command lines.
PROCESSES = {
    "web": "config.web",
    "front": "config.front",
    "stream": "config.stream",
    "simulator": "config.simulator",
    "celery": "celery",
}


class NotReady(Exception):
    """What whoever runs the benchmark reads."""


@dataclass
class Stand:
    port: int
    database_url: str
    runner: int | None = None

    @property
    def front(self) -> Target:
        return Target(port=self.port)

    @property
    def web(self) -> Target | None:
        """The web process alone, without the front before it."""
        sockets = home.sockets()
        path = sockets and sockets / "web.sock"
        return Target(socket=str(path)) if path and path.exists() else None

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.database_url, autocommit=True, row_factory=namedtuple_row) as connection:
            yield connection

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each part has used so far."""
        used = dict.fromkeys((*PROCESSES, "postgres", "redis"), 0.0)
        for name, process in self._processes():
            # A worker may end while we look.
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                # Those of children that have ended, too: a connection's backend ends with it.
                used[name] += times.user + times.system + times.children_user + times.children_system
        return used

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        if self.runner:
            for process in psutil.Process(self.runner).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    line = " ".join(process.cmdline())
                    if name := next((name for name, word in PROCESSES.items() if word in line), None):
                        yield name, process
        sockets = home.sockets()
        for name, path in (("postgres", home.LONGEST_SOCKET), ("redis", "redis.sock")):
            if sockets and (pid := _listener(sockets / path)):
                server = psutil.Process(pid)
                yield from ((name, process) for process in (server, *server.children(recursive=True)))


def _listener(path: Path) -> int | None:
    """The process that listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        if client.connect_ex(str(path)) != 0:
            return None
        return struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


@contextmanager
def running() -> Iterator[Stand]:
    """The one that the environment names: CALLBOARD_HOME or DATABASE_URL, and PORT."""
    database_url = os.environ.get("DATABASE_URL") or home.database_url()
    if not database_url:
        raise NotReady("there is no database: name a running Callboard by CALLBOARD_HOME, or DATABASE_URL, and PORT")
    stand = Stand(int(os.environ.get("PORT", "8000")), database_url)
    _wait_until_ready(stand.port, seconds=5)
    yield stand


@contextmanager
def own(folder: Path | None = None) -> Iterator[Stand]:
    """In a home that is thrown away, or kept for the next time where a folder is named."""
    place = folder or Path(tempfile.mkdtemp(prefix="callboard-bench-"))
    port = free_port()
    _set_environment(place, port)
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "config.run"]
        server = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_until_ready(port, server=server, log=log)
            yield Stand(port, home.database_url(), server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
            if folder is None:
                for leftover in (home.sockets(), place):
                    shutil.rmtree(leftover or place, ignore_errors=True)


def _set_environment(place: Path, port: int) -> None:
    for name in list(os.environ):
        is_ours = name.startswith("CALLBOARD_") and name not in KEPT
        if is_ours or name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG"):
            del os.environ[name]
    os.environ |= {
        "CALLBOARD_HOME": str(place),
        "PORT": str(port),
        "CALLBOARD_DEMO": "off",
        "CALLBOARD_RATE_LIMITS": RATE_LIMITS,
        **TEXTS,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH")))),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _wait_until_ready(port: int, *, seconds: float = READY_WITHIN, server: subprocess.Popen | None = None, log=None):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until, said = time.monotonic() + seconds, "no answer"
    while time.monotonic() < until:
        if server and server.poll() is not None:
            log.seek(0)
            raise NotReady(f"Callboard did not start: {log.read().decode(errors='replace').strip()}")
        try:
            direct.open(f"http://127.0.0.1:{port}/api/health/ready", timeout=5).close()
            return
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            said = str(error)
        time.sleep(0.2)
    raise NotReady(f"nothing is ready on port {port}: {said}")


def load_data(*, users: int, conversations: int, messages: int, seed: int) -> dict:
    """What seed_load writes with --tokens: the event's id, and people with their tokens."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokens.json"
        sizes = {"users": users, "conversations": conversations, "messages": messages, "seed": seed}
        options = [f"--{name}={value}" for name, value in sizes.items()]
        command = [sys.executable, "manage.py", "seed_load", *options, f"--tokens={file}", f"--token-users={users}"]
        if subprocess.run(command, cwd=REPOSITORY, check=False).returncode:
            raise NotReady("the data could not be loaded; seed_load says above why")
        return json.loads(file.read_text())
