"""A call as it comes from a server, before anything of Django's test client."""

from __future__ import annotations

import json

import pytest

from accounts import tokens
from tests.messaging.conftest import start
from tests.web import through_wsgi

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
