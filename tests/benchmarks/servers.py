"""Small real servers for the load generator: each connection has a thread, and answers as it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.load import Target

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """`answer(number)` is what the request of that number gets: bytes, or None to close the connection."""

    def __init__(self, listener: socket.socket, answer: Callable[[int], bytes | None]):
        self.listener, self.answer = listener, answer
        self.lock = threading.Lock()
        self.requests: list[bytes] = []
        self.connections = 0

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while request := self.read(connection):
                with self.lock:
                    self.requests.append(request)
                    number = len(self.requests)
                answer = self.answer(number)
                if answer is None:
                    return
                connection.sendall(answer)
                if b"Connection: close" in answer:
                    return

    @staticmethod
    def read(connection: socket.socket) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            if not (some := connection.recv(65536)):
                return b""
            received += some
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


@contextmanager
def serving(answer: Callable[[int], bytes | None] = lambda number: OK, *, path: Path | None = None):
    """A server, and the target that reaches it."""
    if path:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(128)
        target = Target(socket=str(path))
    else:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        target = Target(port=listener.getsockname()[1])
    server = Server(listener, answer)
    threading.Thread(target=server.accept, daemon=True).start()
    try:
        yield server, target
    finally:
        # Wakes the thread that waits in accept.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
