"""A web process as it runs, with workers of its own, on the database and the Redis of the test."""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psutil
from django.conf import settings
from django.db import connection

from config.environment import REPOSITORY
from config.wsgi import application
from tests.waiting import PATIENCE, free_port, wait_until

WORKERS, THREADS = 2, 8


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Web:
    def __init__(self, root: Path = REPOSITORY, **more: str):
        self.port = free_port()
        parts = urlsplit(settings.DATABASE_URL)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.web"],
            cwd=root,
            env=environment
            | {
                "PORT": str(self.port),
                "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
                "REDIS_URL": settings.REDIS_URL,
                "SECRET_KEY": settings.SECRET_KEY,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                # Counted for every call, and never reached.
                "CALLBOARD_RATE_LIMITS": "1000000/min",
                "CALLBOARD_WEB_WORKERS": str(WORKERS),
                "CALLBOARD_WEB_THREADS": str(THREADS),
            }
            | more,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def workers(self) -> list[psutil.Process]:
        """Those that live, the oldest first."""
        found = [worker for worker in psutil.Process(self.process.pid).children() if is_alive(worker)]
        return sorted(found, key=lambda worker: worker.create_time())

    def is_ready(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.ask("GET", "/api/health/ready").status == 200
        except OSError:
            return False

    def open(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, method: str, path: str, body: dict | None = None, **headers: str) -> Answer:
        """On a connection of its own; raises OSError or HTTPException where no whole answer comes."""
        with self.open() as client:
            client.sendall(request(method, path, body, **headers))
            return read_answer(client)


def request(method: str, path: str, body: dict | None = None, **headers: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(content)}"]
    lines += ["Content-Type: application/json"] if content else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def read_answer(client: socket.socket) -> Answer:
    answer = http.client.HTTPResponse(client)
    answer.begin()
    return Answer(answer.status, answer.headers, answer.read())


def reset(client: socket.socket) -> None:
    """Ends the connection as a client's machine does that was switched off: without a word, at once."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def web_process(root: Path = REPOSITORY, **more: str) -> Iterator[Web]:
    """`root` is where its code stands."""
    web = Web(root, **more)
    try:
        wait_until(web.is_ready)
        yield web
    finally:
        web.process.terminate()
        web.process.wait(PATIENCE)


def through_wsgi(body: bytes = b"", **environ: str) -> tuple[str, bytes]:
    """As a server calls it, before anything of Django's test client."""
    statuses = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/api/v1/me",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        **environ,
    }
    answer = b"".join(application(environ, lambda status, headers: statuses.append(status)))
    return statuses[0], answer
