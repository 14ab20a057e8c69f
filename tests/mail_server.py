"""A small real mail server: it speaks SMTP on a socket, keeps what it took, and misbehaves as it is told."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage

TAKE = b"250 Taken"
LATER = b"451 Not now"
# Takes it, and is gone before it says so.
CUT = None


class _Dialogue(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            self.say(b"220 mail.example")
            while line := self.rfile.readline():
                word = line.strip().upper().split(b" ")[0]
                if word == b"DATA":
                    self.say(b"354 Go on")
                    if not self.take():
                        return
                elif word == b"QUIT":
                    self.server.on_quit()
                    self.say(b"221 Bye")
                    return
                elif word == b"RCPT" and any(refused in line for refused in self.server.refused):
                    self.say(b"550 Nobody here")
                else:
                    self.say(b"250 Fine")

    def take(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        with self.server.lock:
            self.server.offered += 1
            number = self.server.offered
        answer = self.server.answer(number)
        if answer != LATER:
            with self.server.lock:
                self.server.raw.append(b"".join(lines))
        if answer is CUT:
            return False
        self.say(answer)
        return True

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")
        self.wfile.flush()


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: Callable[[int], bytes | None]):
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.answer, self.lock = answer, threading.Lock()
        self.raw: list[bytes] = []
        self.offered = 0
        self.refused: list[bytes] = []
        self.on_quit: Callable[[], None] = lambda: None

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def taken(self) -> list[EmailMessage]:
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in list(self.raw)]


@contextmanager
def mail_server(answer: Callable[[int], bytes | None] = lambda number: TAKE) -> Iterator[MailServer]:
    """`answer(number)` is what the message of that number is told: TAKE, LATER or CUT."""
    server = MailServer(answer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
