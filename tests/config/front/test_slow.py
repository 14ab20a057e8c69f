"""Whoever is slow, and live streams."""

import http.client
import threading
import time
from contextlib import suppress

import pytest

from tests.config.front.house import (
    MEGABYTE,
    get,
    post,
    read_answer,
    settles,
    was_closed,
    was_cut,
)
from tests.waiting import PATIENCE, wait_until


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


def test_connection_that_carried_the_answer_of_who_does_not_read_serves_the_next(own_house):
    front, web, _, _ = own_house()
    with front.connect(receive_buffer=65536) as reading_nothing, front.connect() as other:
        reading_nothing.settimeout(0.3)
        with suppress(TimeoutError):
            reading_nothing.sendall(get("/page") * 2000)
        settles(lambda: len(web.seen))
        assert len(web.sockets) == 1
        other.settimeout(PATIENCE)
        other.sendall(get("/a"))
        assert read_answer(other).status == 200


def test_client_that_pipelines_and_reads_late_gets_all_its_answers(own_house):
    front, web, _, _ = own_house()
    with front.connect(receive_buffer=65536) as late:
        late.settimeout(PATIENCE)
        late.sendall(get("/page") * 200)
        assert settles(lambda: len(web.seen)) < 200
        assert [read_answer(late).status for _ in range(200)] == [200] * 200


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


@pytest.mark.parametrize("has_asked", [False, True])
def test_empty_lines_keep_no_connection(own_house, has_asked):
    front, *_ = own_house("server.SWEEP_SECONDS = 0.1; client.HEAD_SECONDS, client.IDLE_SECONDS = 0.5, 0.5")
    with front.connect() as connection:
        if has_asked:
            connection.sendall(get("/a"))
            assert read_answer(connection).status == 200

        def keep_sending():
            for _ in range(100):
                connection.send(b"\r\n\r\n")
                time.sleep(0.05)

        with pytest.raises(OSError, match="Broken pipe|reset"):
            keep_sending()


def test_idle_connection_is_cut_and_who_waits_is_not(own_house):
    front, web, _, _ = own_house("server.SWEEP_SECONDS = 0.1; client.IDLE_SECONDS = 0.5")
    with front.connect() as idle, front.connect() as working:
        idle.sendall(get("/a"))
        working.sendall(get("/gate"))
        assert read_answer(idle).status == 200
        assert was_cut(idle)
        web.gate.set()
        assert read_answer(working).content == b"done"


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
