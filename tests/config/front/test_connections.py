"""Connections, which are kept and closed."""

import json
import time

import pytest

from tests.config.front.house import ask, get, post, read_answer
from tests.waiting import wait_until


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
