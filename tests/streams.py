"""A stream process as it runs, on the database and the Redis of the test; and clients that listen to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from config.environment import REPOSITORY
from tests.waiting import PATIENCE, does_listen, free_port, wait_until

PATH = "/api/v1/stream"


class Event(NamedTuple):
    kind: str
    id: str | None
    data: Any


class StreamProcess:
    """`constants` are set in its modules before it starts: `hub.MOST_KEPT=5`."""

    def __init__(self, *constants: str, port: int | None = None, **environment: str):
        self.port = port or free_port()
        parts = urlsplit(settings.DATABASE_URL)
        code = "\n".join(
            [
                "import config.stream as stream",
                "stream.application_made = stream.application",
                "def application():",
                "    made = stream.application_made()",
                "    from messaging.stream import application, catching_up, door, guests, hub, listeners, signals",
                *(f"    {constant}" for constant in constants),
                "    return made",
                "stream.application = application",
                "stream.main()",
            ]
        )
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            env=inherited
            | {
                "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
                "REDIS_URL": settings.REDIS_URL,
                "SECRET_KEY": settings.SECRET_KEY,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "CALLBOARD_STREAM_PORT": str(self.port),
                "CALLBOARD_STREAM_SOCKET": "",
                "CALLBOARD_RATE_LIMITS": "1000000/min",
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_ready(self) -> StreamProcess:
        wait_until(lambda: does_listen(self.port))
        return self

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def listen(self, headers: dict | None = None, **options) -> Listening:
        return Listening(self.port, headers or {}, **options).begun()


@contextmanager
def stream_process(*constants: str, **environment: str) -> Iterator[StreamProcess]:
    process = StreamProcess(*constants, **environment)
    try:
        yield process.wait_until_ready()
    finally:
        process.end()


class Listening:
    """One connection, read by a thread of its own."""

    def __init__(
        self,
        port: int,
        headers: dict,
        last_id: str | None = None,
        query: str | None = None,
        pause: float = 0,
        path: str = PATH,
    ):
        self.pause = pause
        self.events: list[Event] = []
        self.heartbeats = 0
        self.last_id = last_id
        self.is_over = threading.Event()
        self.has_begun = threading.Event()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connection.connect()
        self.socket = self.connection.sock
        given = {"Last-Event-ID": last_id} if last_id else {}
        path = f"{PATH}?last_event_id={quote(query)}" if query else path
        self.connection.request("GET", path, headers={**headers, **given})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        if self.status != 200:
            self.problem = json.loads(self.answer.read())
        threading.Thread(target=self._read, daemon=True).start()

    def begun(self) -> Listening:
        """What happens from now on, it will be told."""
        assert self.status != 200 or self.has_begun.wait(PATIENCE)
        return self

    def _read(self) -> None:
        kind, data, last_id = None, None, self.last_id
        try:
            while self.status == 200 and (line := self.answer.readline()):
                if self.pause:
                    time.sleep(self.pause)
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if not name and value:
                    self.heartbeats += value == "heartbeat"
                elif name == "id":
                    last_id = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    data = json.loads(value)
                elif not name:
                    # Only now: whoever is cut before this has not got it.
                    self.last_id = last_id
                    if kind:
                        self.events.append(Event(kind, None if kind == "typing" else self.last_id, data))
                    kind, data = None, None
                    self.has_begun.set()
        except (OSError, ValueError, http.client.HTTPException):
            pass
        finally:
            self.is_over.set()
            self.has_begun.set()

    def of(self, kind: str) -> list[Any]:
        return [event.data for event in list(self.events) if event.kind == kind]

    def said(self) -> list[str]:
        """The texts of created messages."""
        return [data["item"]["content"] for data in self.of("message.created")]

    def wait_for(self, holds: Callable[[Listening], object]) -> Listening:
        wait_until(lambda: holds(self) or self.is_over.is_set())
        assert holds(self), (self.events, "is over" if self.is_over.is_set() else "")
        return self

    def wait_for_words(self, *words: str) -> Listening:
        return self.wait_for(lambda one: set(words) <= set(one.said()))

    def cut(self) -> Listening:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.is_over.wait(PATIENCE)
        self.connection.close()
        return self


@contextmanager
def site(folder: str) -> Iterator[str]:
    """Front, web and stream as script/server runs them; the address of the front."""
    port, parts = free_port(), urlsplit(settings.DATABASE_URL)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")} | {
        "PORT": str(port),
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "CALLBOARD_WEB_SOCKET": f"{folder}/web",
        "CALLBOARD_STREAM_SOCKET": f"{folder}/stream",
        "CALLBOARD_WEB_WORKERS": "1",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"config.{name}"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in ("web", "stream", "front")
    ]
    try:
        wait_until(lambda: all(map(does_listen, (f"{folder}/web", f"{folder}/stream", port))))
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(PATIENCE)
