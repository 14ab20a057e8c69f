"""A proxy in front of PostgreSQL: counts round trips, and cuts a connection at a chosen moment."""

from __future__ import annotations

import selectors
import socket
import tempfile
import threading
from contextlib import contextmanager

from django.db import connection

SYNC = b"S\x00\x00\x00\x04"
READY = b"Z\x00\x00\x00\x05"


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
        with client, server, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            is_answered, cut, sent, answered = True, None, b"", b""
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    if key.fileobj is server:
                        is_answered = True
                        answered += data
                        if cut == "after":
                            if READY in answered:
                                self.done.append(cut)
                                return
                            continue
                        client.sendall(data)
                        continue
                    if is_answered:
                        self.trips += 1
                        is_answered, sent, answered = False, b"", b""
                    sent += data
                    cut = cut or self._planned(sent)
                    if cut == "before":
                        self.done.append(cut)
                        return
                    server.sendall(data)
                    if cut == "during" and SYNC in sent:
                        self.done.append(cut)
                        return

    def _planned(self, sent: bytes) -> str | None:
        for mark in list(self.cuts):
            if mark in sent:
                return self.cuts.pop(mark)
        return None


@contextmanager
def proxied():
    """This thread's database connection goes through a proxy, from now on and for as long as the block lasts."""
    connection.ensure_connection()
    info = connection.connection.info
    host, port = info.host, info.port
    proxy = Proxy(host, port)
    before = connection.settings_dict
    connection.close()
    options = {name: value for name, value in before["OPTIONS"].items() if name != "host"}
    connection.settings_dict = {**before, "HOST": proxy.folder.name, "PORT": port, "OPTIONS": options}
    try:
        yield proxy
    finally:
        connection.close()
        connection.settings_dict = before
        proxy.close()
