"""A proxy in front of PostgreSQL: counts round trips, and cuts a connection at a chosen moment."""

from __future__ import annotations

import selectors
import socket
import tempfile
import threading
from contextlib import contextmanager, suppress

from django.db import connection, connections

from api.database import shared_connection

# Kinds of messages in PostgreSQL's protocol. The first one of a client has none.
FIRST, FLUSH, SYNC, QUERY, TERMINATE = b"", b"H", b"S", b"Q", b"X"
READY = b"Z"


class Frames:
    """Cuts what is sent into whole messages, however it arrives."""

    def __init__(self, *, is_client: bool):
        self.rest = b""
        self.is_first = is_client

    def kinds(self, data: bytes) -> list[bytes]:
        """Those of the messages that are whole now."""
        self.rest += data
        found = []
        while len(self.rest) >= self._end():
            found.append(self.rest[: self._head()])
            self.rest, self.is_first = self.rest[self._end() :], False
        return found

    def _head(self) -> int:
        return 0 if self.is_first else 1

    def _end(self) -> int:
        head = self._head()
        return head + max(int.from_bytes(self.rest[head : head + 4], "big"), 4)


class Trips:
    """How often a client asked and had to wait for the answer.

    A question ends with a Sync or a Query, which is answered when the server is ready again, or with a Flush behind
    something, which is answered by anything. What the server says before that is no answer, and a Flush behind nothing
    no question.
    """

    def __init__(self):
        self.count = 0
        self.is_asking = self.is_flushed = False
        self.owed = 0

    def asked(self, kinds: list[bytes]) -> None:
        for kind in kinds:
            if kind == TERMINATE or (kind == FLUSH and not self.is_asking):
                continue
            self.count += not self.is_asking
            self.is_asking = True
            self.is_flushed = kind == FLUSH
            self.owed += kind in (FIRST, SYNC, QUERY)

    def answered(self, kinds: list[bytes]) -> None:
        ready = kinds.count(READY)
        self.owed -= ready
        if kinds and not self.owed and (ready or self.is_flushed):
            self.is_asking = self.is_flushed = False


class Proxy:
    """`trips` counts how often a client asked after it had been answered. Cuts are planned by a mark in what is sent:

    - `before`: the statements never reach the server;
    - `during`: they reach it, and the connection is gone at once;
    - `after`: the server has answered, and its answer is lost.
    """

    def __init__(self, host: str, port: int):
        self.host, self.port = host, port
        self.folder = tempfile.TemporaryDirectory(prefix="cut")
        self.trips = 0
        self.cuts: dict[bytes, str] = {}
        self.done: list[str] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{self.folder.name}/.s.PGSQL.{port}")
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()
        self.folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = self._server()
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _server(self) -> socket.socket:
        if not self.host.startswith("/"):
            return socket.create_connection((self.host, self.port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self.host}/.s.PGSQL.{self.port}")
        return server

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        passage = Passage(self, client, server)
        with client, server, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, passage.ask)
            selector.register(server, selectors.EVENT_READ, passage.answer)
            # Either side may go at any moment; the other then finds its connection closed.
            with suppress(ConnectionError):
                while all(key.data(key.fileobj.recv(65536)) for key, _ in selector.select()):
                    pass

    def planned(self, sent: bytes) -> str | None:
        for mark in list(self.cuts):
            if mark in sent:
                return self.cuts.pop(mark)
        return None


class Passage:
    """One connection on its way; what is passed on is told by a True."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket):
        self.proxy, self.client, self.server = proxy, client, server
        self.asked, self.answered = Frames(is_client=True), Frames(is_client=False)
        self.trips = Trips()
        self.question, self.cut = b"", None

    def ask(self, data: bytes) -> bool:
        before = self.trips.count
        self.trips.asked(self.asked.kinds(data))
        self.proxy.trips += self.trips.count - before
        self.question += data
        self.cut = self.cut or self.proxy.planned(self.question)
        if self.cut == "before":
            return self._end()
        self.server.sendall(data)
        if self.cut == "during" and self.trips.owed:
            return self._end()
        return bool(data)

    def answer(self, data: bytes) -> bool:
        kinds = self.answered.kinds(data)
        self.trips.answered(kinds)
        if not self.trips.is_asking:
            self.question = b""
        if self.cut == "after" and READY in kinds:
            return self._end()
        if self.cut != "after":
            self.client.sendall(data)
        return bool(data)

    def _end(self) -> bool:
        self.proxy.done.append(self.cut)
        return False


@contextmanager
def proxied():
    """This thread's database connection, and its process's, go through a proxy for as long as the block lasts."""
    ours = (connections["default"], shared_connection())
    connection.ensure_connection()
    host, port = connection.connection.info.host, connection.connection.info.port
    proxy = Proxy(host, port)
    before = [one.settings_dict for one in ours]
    for one in ours:
        options = {name: value for name, value in one.settings_dict["OPTIONS"].items() if name != "host"}
        one.close()
        one.settings_dict = {**one.settings_dict, "HOST": proxy.folder.name, "PORT": port, "OPTIONS": options}
    try:
        yield proxy
    finally:
        for one, settings in zip(ours, before, strict=True):
            one.close()
            one.settings_dict = settings
        proxy.close()
