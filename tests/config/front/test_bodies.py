"""Bodies, both ways."""

import json
import os
import socket
import time

import pytest

from api.errors import PayloadTooLarge
from tests.config.front.house import MEGABYTE, ask, assert_refused, get, post, read_answer


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
