"""The front as it runs: its own process, real sockets, and a backend on a unix socket that keeps what it got."""

import http.client
import io
import json
import os
import signal
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

import pytest

from api.errors import PayloadTooLarge, ValidationError
from tests.waiting import PATIENCE, does_listen, free_port, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
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

    def answer_refused_unread(self, seen):
        self.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
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


@pytest.fixture(scope="module")
def house():
    with short_folder() as folder:
        web, stream = Backend(f"{folder}/web", "web"), Backend(f"{folder}/stream", "stream")
        front = Front(folder)
        yield front, web, stream
        front.stop()
        web.stop()
        stream.stop()


@pytest.fixture
def front(house):
    front, web, stream = house
    web.reset()
    stream.reset()
    yield front
    web.gate.set()
    stream.gate.set()


@pytest.fixture
def web(house):
    return house[1]


@pytest.fixture
def stream(house):
    return house[2]


@pytest.fixture
def own_house():
    """For tests that stop things: front and backends of their own."""
    made = []

    with short_folder() as folder:

        def make(settings="", with_web=True, **environment):
            web = Backend(f"{folder}/web", "web") if with_web else None
            stream = Backend(f"{folder}/stream", "stream")
            front = Front(folder, settings, **environment)
            made.append(front)
            return front, web, stream, folder

        yield make
        for front in made:
            front.process.kill()
            front.process.wait()


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


# --- Routing


@pytest.mark.parametrize(
    ("target", "backend"),
    [
        ("/api/v1/me", "web"),
        ("/", "web"),
        ("/api/v1/streams", "web"),
        ("/api/v1/stream/", "web"),
        ("/x?/api/v1/stream", "web"),
    ],
)
def test_route_to_web(front, target, backend):
    answer = json.loads(ask(front, get(target)).content)
    assert (answer["backend"], answer["target"]) == (backend, target)


def test_route_to_stream_on_the_same_connection(front, web, stream):
    stream.gate.set()
    with front.connect() as connection:
        connection.sendall(get("/api/v1/me"))
        assert read_answer(connection).status == 200
        connection.sendall(get("/api/v1/stream?from=1"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.read(18) == b"data: 1\n\ndata: 2\n\n"
    assert [seen.target for seen in web.seen] == ["/api/v1/me"]
    assert [seen.target for seen in stream.seen] == ["/api/v1/stream?from=1"]


def test_web_connections_are_kept_and_shared(front, web):
    for _ in range(3):
        ask(front, get("/a"))
    assert len(web.seen) == 3
    assert len({seen.connection for seen in web.seen[1:]}) == 1


def test_more_requests_than_connections_wait_their_turn(own_house):
    front, web, _, _ = own_house("server.WEB_CONNECTIONS = 2")
    connections = [front.connect() for _ in range(6)]
    for number, connection in enumerate(connections):
        connection.sendall(get(f"/gate?{number}"))
    wait_until(lambda: len(web.seen) == 2)
    gone = connections.pop()  # one who waited goes away and is not asked for
    gone.shutdown(socket.SHUT_WR)
    assert gone.recv(1) == b"", "that it went has been noticed"
    gone.close()
    web.gate.set()
    assert [read_answer(connection).content for connection in connections] == [b"done"] * 5
    assert len(web.seen) == 5
    assert len({seen.connection for seen in web.seen}) == 2


TWO_AT_ONCE = {"CALLBOARD_WEB_WORKERS": "1", "CALLBOARD_WEB_THREADS": "2"}


def test_quick_requests_take_turns_and_slow_ones_do_not_keep_others_waiting(own_house):
    front, web, _, _ = own_house(**TWO_AT_ONCE)
    slow = [front.connect() for _ in range(5)]
    for number, connection in enumerate(slow):
        connection.sendall(get(f"/gate?{number}"))
        # Two at once; each later one as soon as one before it has turned out to be slow.
        wait_until(lambda number=number: len(web.seen) == number + 1)
    for number in range(3):
        assert ask(front, get(f"/quick?{number}")).status == 200
    web.gate.set()
    assert [read_answer(connection).content for connection in slow] == [b"done"] * 5


def test_requests_beyond_the_width_wait_until_one_is_answered(own_house):
    # Nothing counts as slow here.
    front, web, _, _ = own_house("from config.front import backend; backend.SLOW_SECONDS = 600", **TWO_AT_ONCE)
    connections = [front.connect() for _ in range(6)]
    for number, connection in enumerate(connections):
        connection.sendall(get(f"/gate?{number}"))
    wait_until(lambda: len(web.seen) == 2)
    assert ask(front, get("no-path")).status == 400, "what the front answers itself waits for nobody"
    assert len(web.seen) == 2
    web.gate.set()
    assert [read_answer(connection).content for connection in connections] == [b"done"] * 6


# --- Bodies, both ways


def test_body_with_length(front, web):
    assert json.loads(ask(front, post("/a", b"hello")).content)["body"] == "hello"
    assert web.seen[0].header("content-length") == "5"


def test_empty_post_says_so(front, web):
    ask(front, post("/a", b""))
    assert web.seen[0].header("content-length") == "0"


def test_chunked_body_gets_a_length(front, web):
    chunks = b"3\r\nabc\r\n4;x=y\r\n\r\n\r\n\r\n0\r\nTrailer: dropped\r\n\r\n"
    answer = ask(front, get("/a", "Transfer-Encoding: chunked", method="POST") + chunks)
    assert json.loads(answer.content)["body"] == "abc\r\n\r\n"
    assert web.seen[0].header("content-length") == "7"
    assert not {"transfer-encoding", "trailer"} & set(web.seen[0].names)


@pytest.mark.parametrize("size", [1, 7])
def test_request_in_small_pieces(front, size):
    request = get("/a", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\n\r\n" + get("/b")
    with front.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), size):
            connection.send(request[start : start + size])
            time.sleep(0.001)
        assert json.loads(read_answer(connection).content)["body"] == "abc"
        assert json.loads(read_answer(connection).content)["target"] == "/b"


def chunked_request(size):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in split(os.urandom(size), 16384))
    return get("/a", "Transfer-Encoding: chunked", method="POST") + chunks + b"0\r\n\r\n"


def split(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def test_chunked_body_of_up_to_256_kb_is_taken_in_whole(front, web):
    with front.connect() as connection:
        connection.sendall(chunked_request(255 * 1024) + get("/b"))
        assert [read_answer(connection).status for _ in range(2)] == [200, 200]
    assert web.seen[0].header("content-length") == str(255 * 1024)
    assert web.seen[1].target == "/b"


@pytest.mark.parametrize("size", [256 * 1024, 3 * MEGABYTE])
def test_larger_chunked_body_is_refused(front, web, size):
    assert_refused(front, web, chunked_request(size), PayloadTooLarge)


@pytest.mark.parametrize("start", [b"1;", b"0\r\nA: "])
def test_chunked_body_of_framing_alone_is_refused(front, web, start):
    request = get("/a", "Transfer-Encoding: chunked", method="POST") + start + b"x" * 300_000
    assert_refused(front, web, request, PayloadTooLarge)


def test_large_body_with_length(front, web):
    data = os.urandom(3 * MEGABYTE)
    assert ask(front, post("/a", data)).status == 200
    assert web.seen[0].body == data


def test_slow_small_body_reaches_the_backend_whole(front, web):
    request = post("/a", b"0123456789")
    with front.connect() as connection:
        connection.sendall(request[:-5])
        time.sleep(0.15)
        assert web.seen == []
        connection.sendall(request[-5:])
        assert read_answer(connection).status == 200


def test_chunked_answer(front):
    answer = ask(front, get("/chunked"))
    assert (answer.content, answer.headers["Transfer-Encoding"]) == (b"four123", "chunked")


def test_answer_without_length_is_chunked_and_the_connection_stays(front):
    with front.connect() as connection:
        connection.sendall(get("/until_close"))
        assert read_answer(connection).content == b"to the end"
        connection.sendall(get("/a"))
        assert read_answer(connection).status == 200


@pytest.mark.parametrize(
    ("path", "method", "status", "length"),
    [("/a", "HEAD", 200, True), ("/empty", "GET", 204, False), ("/unchanged", "GET", 304, True)],
)
def test_answer_without_body(front, path, method, status, length):
    with front.connect() as connection:
        connection.sendall(get(path, method=method) * 2)
        for _ in range(2):
            answer = read_answer(connection, method)
            assert (answer.status, answer.content) == (status, b"")
            assert ("Content-Length" in answer.headers) is length
            assert "Transfer-Encoding" not in answer.headers


def test_interim_answers_stop_here(front):
    assert ask(front, get("/interim")).content == b"ok"


# --- Connections


def test_expect_continue_is_answered_here(front, web):
    with front.connect() as connection:
        connection.sendall(get("/a", "Expect: 100-continue", "Content-Length: 2", method="POST"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert json.loads(read_answer(connection).content)["body"] == "ok"
    assert "expect" not in web.seen[0].names


def test_pipelined_requests_are_answered_in_order_one_at_a_time(front, web):
    chunked = get("/b", "Transfer-Encoding: chunked", method="POST") + b"2\r\nbb\r\n0\r\n\r\n"
    with front.connect() as connection:
        connection.sendall(get("/gate") + chunked + post("/c", b"c") + b"\r\n" + get("/d"))
        wait_until(lambda: web.seen)
        time.sleep(0.1)
        assert [seen.target for seen in web.seen] == ["/gate"]
        web.gate.set()
        assert read_answer(connection).content == b"done"
        rest = [json.loads(read_answer(connection).content) for _ in range(3)]
    assert [(answer["target"], answer["body"]) for answer in rest] == [("/b", "bb"), ("/c", "c"), ("/d", "")]


def test_http_1_0_client(front, web):
    with front.connect() as connection:
        connection.sendall(b"GET /chunked HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(1000), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"four123"
    assert b"connection: close" in head.lower()
    assert b"chunked" not in head.lower()
    assert web.seen[0].version == "HTTP/1.1"
    assert web.seen[0].header("host") == "127.0.0.1"


@pytest.mark.parametrize("value", ["close", "Close", "x, close"])
def test_connection_close(front, value):
    with front.connect() as connection:
        connection.sendall(get("/a", f"Connection: {value}"))
        assert read_answer(connection).headers["Connection"] == "close"
        assert connection.recv(1) == b""


def test_offered_upgrade_is_ignored(front, web):
    offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"]
    with front.connect() as connection:
        connection.sendall(post("/a", b"GET /smuggled", *offer) + get("/b"))
        assert json.loads(read_answer(connection).content)["body"] == "GET /smuggled"
        assert json.loads(read_answer(connection).content)["target"] == "/b"
    assert not {"upgrade", "connection", "http2-settings"} & set(web.seen[0].names)


def test_hop_by_hop_headers_are_stripped_both_ways(front, web):
    headers = ["Connection: keep-alive, X-Named", "X-Named: 1", "Keep-Alive: 5", "TE: trailers", "X-Stays: 2"]
    answer = ask(front, get("/a", *headers, "Proxy-Authorization: x"))
    assert sorted(web.seen[0].names) == ["host", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "x-stays"]
    assert answer.headers["X-Own"] == "yes"
    assert "Keep-Alive" not in answer.headers


def test_client_cannot_say_who_it_is(front, web):
    lies = ["X-Real-IP: 6.6.6.6", "x-real-ip: 6.6.6.6", "X_Real_IP: 6.6.6.6", "Forwarded: for=6.6.6.6"]
    lies += ["X-FORWARDED-FOR: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X_Forwarded_For: 6"]
    ask(front, get("/a", *lies, "Connection: X-Real-IP, Host"))
    assert web.seen[0].headers == [
        ("Host", "callboard.test"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
    ]


# --- What is refused


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/a", "Content-Length: 3", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n",
        get("/a", "Transfer-Encoding: chunked", "Content-Length: 3", method="POST") + b"0\r\n\r\n",
        get("/a", "Content-Length: 3", "Content-Length: 3", method="POST") + b"abc",
        get("/a", "Content-Length: 3, 3", method="POST") + b"abc",
        get("/a", "Content-Length: +3", method="POST") + b"abc",
        get("/a", "Content-Length: 99999999999999999999", method="POST"),
        get("/a", "Content-Length : 3", method="POST") + b"abc",
        get("/a", "Transfer-Encoding: gzip, chunked", method="POST") + b"0\r\n\r\n",
        get("/a", "Transfer-Encoding: xchunked", method="POST") + b"0\r\n\r\n",
        get("/a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n",
        get("/a", "Transfer-Encoding: chunked", method="POST", version="1.0") + b"0\r\n\r\n",
        get("/a", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n",
        get("/a", "Transfer-Encoding: chunked", method="POST") + b"2\r\nabX\r\n",
        get("/a", "Transfer-Encoding: chunked", method="POST") + b"2\nab\n0\n\n",
        get("/a", "X: 1", " folded"),
        get("/a", "X: 1", "\tfolded"),
        b"GET /a HTTP/1.1\nHost: x\n\n",
        b"GET /a HTTP/1.1\r\nHost: x\nX: 1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\rX: 1\r\n\r\n",
        get("/a", "X: a\0b"),
        b"GET /a\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        get("/a", "Host: other"),
        get("/a", "Host:"),
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a\r\n\r\n",
        get("/a", version="2.0"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        get("http://callboard.test/a"),
        get("callboard.test:443", method="CONNECT"),
        get("/a b"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        get("/a", "Bad Name: 1"),
        get("/a", ": nameless"),
    ],
)
def test_ambiguous_request_is_refused(front, web, request_bytes):
    assert_refused(front, web, request_bytes)


def test_refusal_arrives_while_the_client_is_still_sending(front, web):
    assert_refused(front, web, get("/a", "X: 1", " folded", "Content-Length: 500000") + b"x" * 500_000)


def test_large_head_is_refused(front, web):
    assert ask(front, get("/a", f"X: {'x' * 32_000}")).status == 200
    web.reset()
    for padding in (33_000, 200_000):
        request = get("/a", f"X: {'x' * padding}")
        assert_refused(front, web, request, PayloadTooLarge)
        assert_refused(front, web, request[:-4], PayloadTooLarge)


def test_method_that_nobody_knows_is_not_allowed(front):
    answer = ask(front, get("/a", method="FOO"))
    assert (answer.status, json.loads(answer.content)["code"]) == (405, "method_not_allowed")


def test_malformed_second_request_does_not_take_the_first_answer(front):
    with front.connect() as connection:
        connection.sendall(get("/a") + b"NONSENSE\r\n\r\n")
        assert read_answer(connection).status == 200
        assert read_answer(connection).status == 400


# --- When a backend fails


def test_web_not_there_is_503_until_it_comes(own_house):
    front, _, _, folder = own_house(with_web=False)
    with front.connect() as connection:
        connection.sendall(post("/a", b"x"))
        answer = read_answer(connection)
        document = json.loads(answer.content)
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert {**document, "detail": "", "request_id": ""} == {
            "type": "/errors/service_unavailable",
            "title": "Not available at the moment.",
            "status": 503,
            "detail": "",
            "code": "service_unavailable",
            "request_id": "",
        }
        assert (document["detail"] > "", len(document["request_id"])) == (True, 36)
        Backend(f"{folder}/web", "web")
        connection.sendall(post("/a", b"x"))
        assert read_answer(connection).status == 200


def test_web_restarted_loses_no_request(own_house):
    front, web, _, _ = own_house()
    with front.connect() as connection:
        for _ in range(3):
            for request in (get("/a"), post("/a", b"x")):
                connection.sendall(request)
                assert read_answer(connection).status == 200
                web.stop()
                web.start()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_safe_request_is_tried_once_more(front, web, method):
    assert ask(front, get("/die_once", method=method), method).status == 200
    assert len(web.seen) == 2


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_safe_request_is_not_tried_a_third_time(front, web, method):
    assert ask(front, get("/die", method=method), method).status == 503
    assert len(web.seen) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_write_is_never_sent_twice(front, web, method):
    with front.connect() as connection:
        connection.sendall(get("/a"))
        read_answer(connection)
        connection.sendall(get("/die_once", "Content-Length: 1", method=method) + b"x")
        assert read_answer(connection).status == 503
        connection.sendall(get("/a"))
        assert read_answer(connection).status == 200
    assert [seen.target for seen in web.seen] == ["/a", "/die_once", "/a"]


def test_answer_that_breaks_off_is_seen_as_broken(front):
    with pytest.raises(http.client.IncompleteRead):
        ask(front, get("/cut"))


def test_backend_that_talks_nonsense_is_503(front):
    assert ask(front, get("/nonsense")).status == 503


def test_unasked_answer_reaches_nobody(front):
    with front.connect() as connection:
        for _ in range(2):
            connection.sendall(get("/more_than_asked"))
            assert read_answer(connection).content == b"ok"
            connection.sendall(get("/a"))
            assert json.loads(read_answer(connection).content)["target"] == "/a"


def test_early_answer_reaches_a_client_that_is_still_sending(front):
    with front.connect() as connection:
        connection.sendall(get("/too_large", "Content-Length: 50000000", method="POST"))
        connection.sendall(b"x" * MEGABYTE)
        answer = read_answer(connection)
        assert (answer.status, answer.content) == (413, b"big")
        assert answer.headers["Connection"] == "close"


def test_connection_with_a_part_of_a_refused_body_in_it_gets_no_further_request(front, web):
    """The web process answers a body that it does not want without reading it, and closes."""
    with front.connect() as connection:
        connection.sendall(post("/refused_unread", b"x" * 270_000))
        assert read_answer(connection).status == 413
    with front.connect() as another:
        another.sendall(post("/a", b"x"))
        wait_until(lambda: len(web.seen) == 2, 3)
        web.gate.set()
        assert read_answer(another).status == 200


# --- Whoever is slow


def test_client_that_does_not_read_stops_the_backend(front, web):
    before = front.memory
    with front.connect(receive_buffer=65536) as connection:
        connection.sendall(get("/flood"))
        wait_until(lambda: web.sent)
        assert settles(lambda: web.sent) < 12 * MEGABYTE
        assert front.memory - before < 8 * MEGABYTE
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert sum(iter(lambda: len(answer.read(MEGABYTE)), 0)) == 64 * MEGABYTE


def test_backend_that_does_not_read_stops_the_client(front, web):
    before, size, sent = front.memory, 32 * MEGABYTE, 0

    def send():
        nonlocal sent
        connection.sendall(get("/sluggish", f"Content-Length: {size}", method="POST"))
        while sent < size:
            sent += connection.send(b"x" * min(65536, size - sent))

    with front.connect() as connection:
        sender = threading.Thread(target=send)
        sender.start()
        wait_until(lambda: web.seen)
        assert settles(lambda: sent) < 16 * MEGABYTE
        assert front.memory - before < 8 * MEGABYTE
        web.gate.set()
        sender.join()
        assert read_answer(connection).content == b"%08d" % size


def test_client_that_pipelines_and_does_not_read_is_not_served_on(front, web):
    with front.connect(receive_buffer=65536) as connection:
        connection.settimeout(0.3)
        with suppress(TimeoutError):
            connection.sendall(get("/page") * 2000)
        assert settles(lambda: len(web.seen)) < 200  # of 64 kB each


def test_slow_header_and_stalled_body_are_cut_and_who_is_idle_or_waits_is_not(own_house):
    front, web, _, _ = own_house(
        "server.SWEEP_SECONDS = 0.1; client.HEAD_SECONDS, client.BODY_SECONDS, client.IDLE_SECONDS = 2, 2, 600"
    )
    idle, working, stalled, silent, slow = (front.connect() for _ in range(5))
    idle.sendall(get("/a"))
    working.sendall(get("/gate"))
    stalled.sendall(post("/a", b"x" * 10)[:-1])
    assert read_answer(idle).status == 200
    with suppress(OSError):
        for byte in get("/a", f"X: {'x' * 80}")[:60]:
            slow.send(bytes([byte]))
            time.sleep(0.05)
    assert all(was_cut(connection) for connection in (silent, slow, stalled))
    idle.sendall(get("/b"))
    assert read_answer(idle).status == 200
    web.gate.set()
    assert read_answer(working).content == b"done"


def test_idle_connection_is_cut_and_who_waits_is_not(own_house):
    front, web, _, _ = own_house("server.SWEEP_SECONDS = 0.1; client.IDLE_SECONDS = 0.5")
    with front.connect() as idle, front.connect() as working:
        idle.sendall(get("/a"))
        working.sendall(get("/gate"))
        assert read_answer(idle).status == 200
        assert was_cut(idle)
        web.gate.set()
        assert read_answer(working).content == b"done"


def was_cut(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


# --- Live streams


def test_events_pass_at_once_and_leaving_closes_the_upstream(front, stream):
    with front.connect() as connection:
        connection.sendall(get("/api/v1/stream"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.read(9) == b"data: 1\n\n"
        assert not stream.gate.is_set()
        stream.gate.set()
        assert answer.read(9) == b"data: 2\n\n"
        assert not stream.was_left.wait(0.1)
    assert stream.was_left.wait(PATIENCE)


def test_client_that_leaves_closes_its_web_connection(front, web):
    with front.connect() as connection:
        connection.sendall(get("/gate"))
        wait_until(lambda: web.seen)
    wait_until(lambda: was_closed(web.seen[0].connection))


def was_closed(connection):
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


# --- Stopping


def test_stop_answers_what_is_under_way(own_house):
    front, web, stream, _ = own_house(f"server.STOP_SECONDS = {PATIENCE}")
    idle, working, streaming = front.connect(), front.connect(), front.connect()
    working.sendall(get("/gate"))
    streaming.sendall(get("/api/v1/stream"))
    wait_until(lambda: web.seen and stream.seen)
    front.process.send_signal(signal.SIGTERM)
    assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        wait_until(lambda: front.connect().close())
    web.gate.set()
    answer = read_answer(working)
    assert (answer.content, answer.headers["Connection"]) == (b"done", "close")
    assert front.process.wait(PATIENCE) == 0


def test_stop_waits_three_seconds_at_most(own_house):
    front, web, _, _ = own_house("server.STOP_SECONDS = 0.5")
    connection = front.connect()
    connection.sendall(get("/gate"))
    wait_until(lambda: web.seen)
    front.process.send_signal(signal.SIGTERM)
    assert front.process.wait(PATIENCE) == 0
    assert was_cut(connection)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_simulators_addresses_are_its_own_where_there_is_one(is_there):
    with short_folder() as folder:
        backends = [Backend(f"{folder}/{name}", name) for name in ("web", "stream", "simulator")]
        front = Front(folder, CALLBOARD_SIMULATOR_SOCKET=f"{folder}/simulator" if is_there else "")
        try:
            for target in ("/simulator", "/simulator?to=1", "/simulator/messages", "/simulator/2010-04-01/Accounts/x"):
                assert json.loads(ask(front, get(target)).content)["backend"] == ("simulator" if is_there else "web")
            for target in ("/simulators", "/", "/api/v1/simulator", "/simulator%2F"):
                assert json.loads(ask(front, get(target)).content)["backend"] == "web"
        finally:
            front.stop()
            for backend in backends:
                backend.stop()


def start_in_vain(**environment):
    return subprocess.run(
        [sys.executable, "-m", "config.front"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_taken_port_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = start_in_vain(PORT=port, CALLBOARD_WEB_SOCKET="/tmp/w", CALLBOARD_STREAM_SOCKET="/tmp/s")
    assert result.returncode == 2
    assert result.stderr.startswith(f"callboard: PORT={port} cannot be used on 127.0.0.1:")
    assert result.stderr.count("\n") == 1


def test_missing_socket_is_one_clear_line():
    result = start_in_vain(CALLBOARD_WEB_SOCKET="/tmp/w")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "CALLBOARD_STREAM_SOCKET is not set" in result.stderr
