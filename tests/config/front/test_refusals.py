"""What is refused before a backend hears of it."""

import json

import pytest

from api.errors import PayloadTooLarge
from config.front.reader import HELD_BODY
from tests.config.front.house import ask, assert_refused, get, read_answer
from tests.waiting import PATIENCE


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


def test_body_that_no_call_may_have_is_refused_before_it_is_sent_on(front, web):
    request = get("/api/v1/a", f"Content-Length: {HELD_BODY + 1}", method="POST")
    assert_refused(front, web, request, PayloadTooLarge)
    assert_refused(front, web, request + b"x" * (HELD_BODY + 1), PayloadTooLarge)
    assert (
        ask(front, get("/a", f"Content-Length: {HELD_BODY + 1}", method="POST") + b"x" * (HELD_BODY + 1)).status == 200
    )


def test_method_that_nobody_knows_is_not_allowed(front):
    answer = ask(front, get("/a", method="FOO"))
    assert (answer.status, json.loads(answer.content)["code"]) == (405, "method_not_allowed")


def test_malformed_second_request_does_not_take_the_first_answer(front):
    with front.connect() as connection:
        connection.sendall(get("/a") + b"NONSENSE\r\n\r\n")
        assert read_answer(connection).status == 200
        assert read_answer(connection).status == 400


@pytest.mark.parametrize("line", ["PRI /a HTTP/1.0", "PRI / HTTP/1.0"])
def test_preface_of_http_2_is_refused_and_who_sends_it_keeps_nobody_waiting(own_house, line):
    front, _, _, _ = own_house()
    with front.connect() as connection, front.connect() as other:
        connection.sendall(f"{line}\r\n\r\nx".encode())
        connection.settimeout(PATIENCE)
        other.settimeout(PATIENCE)
        other.sendall(get("/a"))
        assert read_answer(other).status == 200
        assert read_answer(connection).status == 400
