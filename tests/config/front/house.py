"""The front as it runs: its own process, real sockets, and a backend on a unix socket that keeps what it got."""

import http.client
import io
import json
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import UUID

from api.errors import ValidationError
from tests.waiting import PATIENCE, does_listen, free_port, wait_until

REPOSITORY = Path(__file__).resolve().parents[3]
MEGABYTE = 1024 * 1024


class Seen:
    """A request as the backend got it."""

    def __init__(self, handler, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        self.names = [name.lower() for name, _ in self.headers]
        self.connection = handler.request
        self.body = b""

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.backend.sockets.append(self.request)
        self.input = self.request.makefile("rb", buffering=0)
        while (head := self.read_head()) is not None:
            seen = Seen(self, head)
            self.server.backend.seen.append(seen)
            if self.answer(seen, seen.target.partition("?")[0].removeprefix("/").replace("/", "_")) is False:
                return

    def read_head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.input.read(1)
            if not byte:
                return None
            head += byte
        return head[:-4]

    def read_exactly(self, count):
        # Into its place at once: to put parts together takes longer than all the rest when they are many.
        data, have = bytearray(count), 0
        while have < count:
            part = self.input.readinto(memoryview(data)[have:])
            if not part:
                raise EOFError
            have += part
        return bytes(data)

    def read_body(self, seen):
        if seen.header("transfer-encoding") == "chunked":
            while size := int(self.input.readline(), 16):
                seen.body += self.read_exactly(size)
                self.read_exactly(2)
            self.read_exactly(2)
        else:
            seen.body = self.read_exactly(int(seen.header("content-length") or 0))

    def send(self, data):
        self.request.sendall(data)

    def answer(self, seen, name):
        special = getattr(self, f"answer_{name}", None)
        if special:
            return special(seen)
        self.read_body(seen)
        body = json.dumps(
            {
                "backend": self.server.backend.name,
                "target": seen.target,
                "method": seen.method,
                "body": seen.body.decode("latin-1"),
            }
        ).encode()
        head = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nX-Own: yes\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.send(head + (b"" if seen.method == "HEAD" else body))
        return True

    def answer_empty(self, seen):
        self.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    def answer_unchanged(self, seen):
        self.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: x\r\n\r\n")

    def answer_chunked(self, seen):
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n")
        time.sleep(0.02)
        self.send(b"3\r\n123\r\n0\r\n\r\n")

    def answer_until_close(self, seen):
        self.send(b"HTTP/1.1 200 OK\r\n\r\nto the end")
        return False

    def answer_interim(self, seen):
        self.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def answer_cut(self, seen):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return False

    def answer_nonsense(self, seen):
        self.send(b"SMTP ready\r\n\r\n")
        return False

    def answer_more_than_asked(self, seen):
        one = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        self.send(one + b"ok" + one + b"no")

    def answer_die(self, seen):
        self.read_body(seen)
        return False

    def answer_die_once(self, seen):
        self.read_body(seen)
        if sum(other.target == seen.target for other in self.server.backend.seen) == 1:
            return False
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True

    def answer_too_large(self, seen):
        self.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")

    def answer_missed_unread(self, seen):
        return self.answer_refused_unread(seen, b"404 Not Found")

    def answer_refused_unread(self, seen, status=b"413 Too Large"):
        self.send(b"HTTP/1.1 %b\r\nContent-Length: 3\r\n\r\nbig" % status)
        self.server.backend.gate.wait(PATIENCE)
        self.request.shutdown(socket.SHUT_RDWR)
        return False

    def answer_gate(self, seen):
        self.read_body(seen)
        self.server.backend.gate.wait(PATIENCE)
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    def answer_api_v1_stream(self, seen):
        backend = self.server.backend
        self.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        backend.gate.wait(PATIENCE)
        self.send(b"data: 2\n\n")
        self.input.read(1)
        backend.was_left.set()
        return False

    def answer_flood(self, seen):
        """64 MB as fast as they are taken."""
        backend = self.server.backend
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MEGABYTE))
        for _ in range(64 * 16):
            self.send(b"x" * (MEGABYTE // 16))
            backend.sent += MEGABYTE // 16

    def answer_page(self, seen):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + b"x" * 65536)

    def answer_sluggish(self, seen):
        """Takes nothing of the body before the gate opens."""
        self.server.backend.gate.wait(PATIENCE)
        self.read_body(seen)
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%08d" % len(seen.body))


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # connections that the test cuts


class Backend:
    def __init__(self, path, name):
        self.path, self.name = str(path), name
        self.reset()
        self.start()

    def reset(self):
        self.seen, self.sockets, self.sent = [], [], 0
        self.gate, self.was_left = threading.Event(), threading.Event()

    def start(self):
        Path(self.path).unlink(missing_ok=True)
        self.server = Server(self.path, Handler)
        self.server.backend = self
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        for connection in self.sockets:
            with closing(connection), suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Connection(socket.socket):
    """A client whose answers are read from one buffer, so that pipelined ones are not lost between two readers."""

    class Reader(io.BufferedReader):
        def close(self):
            pass  # the end of one answer

    def __init__(self, port, receive_buffer=None):
        super().__init__()
        if receive_buffer:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.settimeout(PATIENCE)
        self.connect(("127.0.0.1", port))
        self.reader = self.Reader(socket.SocketIO(self, "r"))

    def makefile(self, *args, **options):
        return self.reader


class Front:
    def __init__(self, folder, settings="", **environment):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from config.front import __main__, client, server\n{settings}\n__main__.main()"],
            cwd=REPOSITORY,
            env={
                "PORT": str(self.port),
                "CALLBOARD_WEB_SOCKET": f"{folder}/web",
                "CALLBOARD_STREAM_SOCKET": f"{folder}/stream",
                **environment,
            },
        )
        wait_until(self.is_listening)

    def is_listening(self):
        assert self.process.poll() is None
        return does_listen(self.port)

    def connect(self, **options):
        return Connection(self.port, **options)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0

    @property
    def memory(self):
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def settles(value):
    """The figure once it no longer grows."""
    before = -1
    while (now := value()) != before:
        before = now
        time.sleep(0.15)
    return now


@contextmanager
def short_folder():
    with tempfile.TemporaryDirectory(prefix="front", dir="/tmp") as folder:  # short enough for a socket
        yield folder


def get(path, *headers, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: callboard.test", *headers, "", ""]).encode()


def post(path, body, *headers):
    return get(path, *headers, f"Content-Length: {len(body)}", method="POST") + body


def read_answer(connection, method="GET"):
    answer = http.client.HTTPResponse(connection, method=method)
    answer.begin()
    answer.content = answer.read()
    return answer


def ask(front, request, method="GET"):
    with front.connect() as connection:
        connection.sendall(request)
        return read_answer(connection, method)


def assert_refused(front, web, request, error=ValidationError):
    """The refusal arrives, as the API itself would say it, and nothing reaches the backend."""
    with front.connect() as connection:
        connection.sendall(request)
        answer = read_answer(connection)
        assert (answer.status, answer.headers["Content-Type"]) == (error.status, "application/problem+json")
        assert answer.headers["Connection"] == "close"
        assert connection.recv(1) == b""
    assert web.seen == []
    document = json.loads(answer.content)
    assert answer.headers["X-Request-ID"] == document["request_id"]
    assert UUID(document.pop("request_id")).version == 7
    detail, errors = document.pop("detail"), document.pop("errors", None)
    assert document == {
        "type": f"/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
    }
    if error is ValidationError:
        assert [set(one) for one in errors] == [{"pointer", "detail"}]
        assert (detail, errors[0]["pointer"]) == (error.title, "#")
    else:
        assert (errors, detail.count("bytes")) == (None, 1)


def was_cut(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def was_closed(connection):
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
