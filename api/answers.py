"""What goes out: JSON through one encoder, and errors as problem documents."""

from __future__ import annotations

from decimal import Decimal
from http.cookies import SimpleCookie
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import ResponseHeaders
from django.utils.functional import cached_property

from api.errors import ApiError

JSON = "application/json"
PROBLEM = "application/problem+json"


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def encode(data: Any) -> bytes:
    """Times as RFC 3339 in UTC with a Z, ids as strings."""
    return orjson.dumps(data, default=_other, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)


class Answer(HttpResponse):
    """What Django asks of each argument of an answer is known of these. It keeps the content that it was made with."""

    _charset = _reason_phrase = _handler_class = None
    closed = False

    def __init__(self, content: bytes, status: int, content_type: str = ""):
        self.status_code = status
        self._container = [content]
        self._resource_closers = []
        self.headers = ResponseHeaders({})
        if content_type:
            self.headers._store = {
                "content-type": ("Content-Type", content_type),
                "content-length": ("Content-Length", str(len(content))),
            }

    @cached_property
    def cookies(self) -> SimpleCookie:
        return SimpleCookie()


def ok(data: Any, status: int = 200) -> HttpResponse:
    return Answer(encode(data), status, JSON)


def created(data: Any) -> HttpResponse:
    return ok(data, status=201)


def no_content() -> HttpResponse:
    return Answer(b"", 204)


def add_header(response: HttpResponse, name: str, value: str) -> None:
    """One that we made ourselves. Django looks through name and value for what might be hidden in them, and what every
    answer carries would take longer to write than to find out."""
    response.headers._store[name.lower()] = (name, value)


def add_headers(response: HttpResponse, headers: dict[str, str]) -> None:
    response.headers._store.update({name.lower(): (name, value) for name, value in headers.items()})


def has_header(response: HttpResponse, name: str) -> bool:
    """`name` in small letters."""
    return name in response.headers._store


def headers(response: HttpResponse) -> list[tuple[str, str]]:
    return list(response.headers._store.values())


def problem(request: HttpRequest, error: ApiError) -> HttpResponse:
    document = error.document(getattr(request, "request_id", ""))
    response = Answer(encode(document), error.status, PROBLEM)
    for name, value in error.headers.items():
        response[name] = value
    return response
