"""When a backend fails."""

import http.client
import json

import pytest

from tests.config.front.house import (
    MEGABYTE,
    Backend,
    ask,
    get,
    post,
    read_answer,
)
from tests.waiting import wait_until


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


@pytest.mark.parametrize(
    ("path", "size", "status"), [("/refused_unread", 270_000, 413), ("/missed_unread", 20_000, 404)]
)
def test_connection_with_a_part_of_a_refused_body_in_it_gets_no_further_request(front, web, path, size, status):
    """The web process answers a body that it does not want without reading it, and closes."""
    with front.connect() as connection:
        connection.sendall(post(path, b"x" * size))
        assert read_answer(connection).status == status
    with front.connect() as another:
        another.sendall(post("/a", b"x"))
        wait_until(lambda: len(web.seen) == 2, 3)
        web.gate.set()
        assert read_answer(another).status == 200
