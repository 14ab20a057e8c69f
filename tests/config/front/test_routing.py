"""What goes where, and in which order."""

import http.client
import json
import socket

import pytest

from tests.config.front.house import (
    ask,
    get,
    read_answer,
)
from tests.waiting import wait_until


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
