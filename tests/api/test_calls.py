"""A call as it comes from a server, before anything of Django's test client."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest

from accounts import tokens
from api.calls import Call
from tests.messaging.conftest import start
from tests.web import read_answer, request, through_wsgi, web_process

BODY = json.dumps({"content": "Hello"}).encode()


@pytest.fixture
def send(cast):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    _, secret = tokens.issue(user=cast.attendee)

    def call(body: bytes = BODY, **environ: str) -> tuple[int, dict]:
        given = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": f"/api/v1/conversations/{talk.id}/messages",
            "HTTP_AUTHORIZATION": f"Bearer {secret}",
            "CONTENT_TYPE": "application/json",
        }
        status, answer = through_wsgi(body, **given | environ)
        return int(status[:3]), json.loads(answer)

    return call


@pytest.mark.parametrize("times", [1, 2])
def test_call_is_served_the_first_time_and_where_its_person_is_remembered(send, times):
    for _ in range(times):
        assert send()[0] == 201


@pytest.mark.parametrize(
    "kind",
    ["application/json; charset=utf-8", "application/json;charset=utf-16", "Application/JSON", "application/json "],
)
def test_media_type_is_told_by_what_it_means(send, kind):
    assert send(CONTENT_TYPE=kind)[0] == 201


@pytest.mark.parametrize("kind", ["", "text/plain", "application/jsonp", "multipart/form-data; boundary=x"])
def test_other_media_type_is_refused(send, kind):
    status, problem = send(CONTENT_TYPE=kind)
    assert (status, problem["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("length", ["", "0", "-1", "x", "1.5"])
def test_body_of_no_length_is_an_empty_one(send, length):
    status, problem = send(CONTENT_LENGTH=length)
    assert (status, problem["errors"][0]["pointer"]) == (400, "#/content")


def test_body_is_read_as_far_as_its_length(send):
    assert send(BODY + BODY, CONTENT_LENGTH=str(len(BODY)))[0] == 201
    status, problem = send(BODY, CONTENT_LENGTH=str(len(BODY) - 1))
    assert (status, problem["code"]) == (400, "validation_error")


def test_body_that_ends_before_its_length_is_read_as_it_came(send):
    assert send(BODY, CONTENT_LENGTH=str(len(BODY) + 100))[0] == 201


def test_method_in_small_letters_is_the_same(send):
    assert send(REQUEST_METHOD="post")[0] == 201


def test_too_large_a_body_is_refused_unread_and_ahead_of_the_token(send):
    status, problem = send(CONTENT_LENGTH=str(300 * 1024), HTTP_AUTHORIZATION="")
    assert (status, problem["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    "path", ["/api/v1/conversations/\xc3\xa9/messages", "/api/v1/\xff", "/api/v1/conversations//messages"]
)
def test_path_with_what_no_id_holds_addresses_nothing(send, path):
    assert send(PATH_INFO=path)[0] == 404


def test_answers_share_nothing(send):
    first, second = send()[1], send(json.dumps({"content": "Other"}).encode())[1]
    assert (first["content"], second["content"]) == ("Hello", "Other")
    assert first["id"] != second["id"]


@pytest.fixture(scope="module")
def web(django_db_setup, _own_redis_database):
    with web_process() as web:
        yield web


class Broken:
    """A body whose sender has gone."""

    def read(self, *_):
        raise OSError


@pytest.mark.parametrize("more", [{}, {"HTTP_IDEMPOTENCY_KEY": "a-key"}, {"HTTP_AUTHORIZATION": ""}], ids=repr)
def test_body_that_does_not_arrive_is_told_ahead_of_anything_else(send, more):
    status, problem = send(**{"wsgi.input": Broken(), "CONTENT_LENGTH": "19"}, **more)
    assert (status, problem["errors"][0]["detail"]) == (400, "The body did not arrive whole.")


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"])
def test_call_can_be_asked_for_a_form_as_any_request_can(rf, kind):
    call = Call(rf.post("/api/v1/me", BODY, content_type=kind).environ)
    assert not call.FILES
    assert call.body == BODY


def test_call_under_a_prefix_knows_its_whole_path(rf):
    environ = rf.get("/api/v1/me", {"a": "b"}).environ | {"SCRIPT_NAME": "/callboard"}
    call = Call(environ)
    assert (call.path_info, call.get_full_path()) == ("/api/v1/me", "/callboard/api/v1/me?a=b")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [20, 5_000, 200_000])
@pytest.mark.parametrize(
    ("path", "status"), [(f"events/{uuid4()}/conversations", 401), ("me", 405)], ids=["401", "405"]
)
def test_answer_that_is_made_ahead_of_the_body_waits_for_it(web, path, status, size):
    """Else the server closes with it unread, and whoever sends it may lose the answer."""
    with web.open() as client:
        whole = request("POST", f"/api/v1/{path}", {"content": "x" * size})
        head, _, body = whole.partition(b"\r\n\r\n")
        for _ in range(2):
            client.sendall(head + b"\r\n\r\n")
            time.sleep(0.05)
            client.sendall(body)
            assert read_answer(client).status == status
