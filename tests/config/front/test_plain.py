"""What is taken at one look is taken as the parser would take it."""

from collections.abc import Iterator

import pytest
from httptools import HttpResponseParser

from api.errors import PayloadTooLarge
from config.front import plain
from config.front.heads import HOP_BY_HOP, OURS, answer_head
from config.front.reader import HEAD_LIMIT, Reader
from tests.config.front.house import get, post

ANSWER = b"HTTP/1.1 201 Created\r\nserver: x\r\nContent-Length: 2\r\ncache-control: no-store\r\n\r\nok"


def read(take, request: bytes) -> dict:
    reader = Reader()
    reader.buffer = request
    head = take(reader)
    body = b"" if reader.is_complete else reader.take_body()
    return {name: getattr(head, name) for name in head.__slots__} | {
        "body": body,
        "is_complete": reader.is_complete,
        "rest": reader.buffer,
    }


def is_plain(request: bytes) -> bool:
    return plain.REQUEST.match(request) is not None


class Parsed:
    """An answer as the parser takes it, and as it is then written anew."""

    def __init__(self, data: bytes):
        self.reason, self.headers, self.body, self.ended = b"", [], b"", 0
        self.parser = HttpResponseParser(self)
        self.parser.feed_data(data)

    def on_status(self, reason):
        self.reason += reason

    def on_header(self, name, value):
        self.headers.append((name, value))

    def on_headers_complete(self):
        self.keeps_alive = self.parser.should_keep_alive()

    def on_body(self, data):
        self.body += data

    def on_message_complete(self):
        self.ended += 1

    def anew(self) -> bytes:
        status = self.parser.get_status_code()
        return answer_head(status, self.reason, self.headers, is_chunked=False, keeps_alive=True) + self.body


def with_each_byte_in_each_place(data: bytes) -> Iterator[bytes]:
    for place in range(data.index(b"\r\n\r\n") + 4):
        for byte in range(256):
            yield b"%b%c%b" % (data[:place], byte, data[place + 1 :])
        for byte in b"\r\n\t\0 :,_#":
            yield b"%b%c%b" % (data[:place], byte, data[place:])


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/a?b=c&d=%20"),
        get("/a", "Accept: */*", "User-Agent: x/1 (y; z)", "Cookie: a=b; c=d", "If-None-Match: W/x"),
        get("/a", "Accept: 1", "accept: 2", "Hosts: x", "Content-Length-X: 3", "TEa: 1", "Expected: 100-continue"),
        get("/a", "Connection: keep-alive", "Accept: */*"),
        get("/a", "content-length: 3") + b"abc" + get("/b"),
        get("/a", method="POST") + get("/b"),
        post("/a", b""),
        post("/a", b"hello", "Authorization: Bearer x", "Content-Type: application/json") + get("/b"),
        post("/a", b"hello", "Connection: Keep-Alive", "Accept: */*")[:-1],
        post("/a", b"hello").replace(b"\r\n\r\n", b"\r\nOrigin: x\r\nconnection: keep-alive\r\nCookie: y\r\n\r\n"),
        *(post("/a", b"hello").replace(b"POST", method) for method in (b"PUT", b"PATCH", b"DELETE")),
    ],
)
def test_plain_request_is_what_the_parser_finds(request_bytes):
    assert is_plain(request_bytes)
    assert read(Reader.take_head, request_bytes) == read(Reader.take_parsed_head, request_bytes)


def test_request_with_any_byte_anywhere_is_what_the_parser_finds_or_not_plain():
    changed = [one for one in with_each_byte_in_each_place(post("/a?b", b"hello", "X-Y: a b")) if is_plain(one)]
    assert changed
    for request in changed:
        assert read(Reader.take_head, request) == read(Reader.take_parsed_head, request)


@pytest.mark.parametrize(
    "line",
    [
        *(name.decode() + ": x" for name in sorted(OURS)),
        *(name.decode().upper() + ": x" for name in sorted(OURS)),
        *("X-Forwarded-For: x", "x-forwarded-: x", "X_Real_IP: x", "A_B: x"),
        *("Content-Length: 1, 1", "Content-Length: +1", "Content-Length: 1 ", "Content-Length: " + "1" * 16),
        *("Connection: keep-alive, X", "Connection: close", "Host: y"),
        *(
            "A:x",
            "A:  x",
            "A : x",
            "A:",
            "A: ",
            ": x",
            " A: x",
            "A",
            "A: \t",
            "A: x\ty",
            "A: ü",
            "A: x\n B: y",
            "A: x\r",
        ),
    ],
)
def test_request_with_something_to_decide_on_is_not_plain(line):
    assert is_plain(get("/a", "A: b"))
    for lines in (["A: b", line], [line, "A: b"], ["Content-Length: 1", line], [line, "Content-Length: 1"]):
        assert not is_plain(get("/a", *lines))


def test_large_head_is_not_plain():
    reader = Reader()
    reader.buffer = get("/a", f"X: {'x' * HEAD_LIMIT}")
    with pytest.raises(PayloadTooLarge):
        reader.take_head()


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 503 Not Now\r\nTea: x\r\nUpgrades: y\r\nA: a\r\na: b\r\ncontent-length: 1\r\n\r\n?",
    ],
)
def test_plain_answer_is_what_would_be_written(answer):
    assert plain.is_whole_answer(answer)
    assert Parsed(answer).anew() == answer


def test_answer_with_any_byte_anywhere_is_what_would_be_written_or_not_plain():
    changed = [one for one in with_each_byte_in_each_place(ANSWER) if plain.is_whole_answer(one)]
    assert changed
    for answer in changed:
        parsed = Parsed(answer)
        assert (parsed.anew(), parsed.ended, parsed.keeps_alive) == (answer, 1, True)


@pytest.mark.parametrize(
    "answer",
    [
        *(ANSWER.replace(b"server", name) for name in sorted(HOP_BY_HOP | {b"content-length", b"CONNECTION", b"a_b"})),
        *(ANSWER.replace(b"201", status) for status in (b"100", b"103", b"204", b"304", b"413", b"600", b"20")),
        *(ANSWER + b"k", ANSWER[:-1], ANSWER + ANSWER, ANSWER[:30]),
        *(ANSWER.replace(b"HTTP/1.1", b"HTTP/1.0"), ANSWER.replace(b"Content-Length: 2\r\n", b"")),
    ],
)
def test_answer_that_is_not_passed_on_as_it_is(answer):
    assert not plain.is_whole_answer(answer)
