"""What goes out: JSON through one encoder, and errors as problem documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

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


def ok(data: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(encode(data), status=status, content_type=JSON)


def created(data: Any) -> HttpResponse:
    return ok(data, status=201)


def no_content() -> HttpResponse:
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def add_header(response: HttpResponse, name: str, value: str) -> None:
    """One that we made ourselves. Django looks through name and value for what might be hidden in them, and what every
    answer carries would take longer to write than to find out."""
    response.headers._store[name.lower()] = (name, value)


def headers(response: HttpResponse) -> list[tuple[str, str]]:
    return list(response.headers._store.values())


def problem(request: HttpRequest, error: ApiError) -> HttpResponse:
    document = error.document(getattr(request, "request_id", ""))
    response = HttpResponse(encode(document), status=error.status, content_type=PROBLEM)
    for name, value in error.headers.items():
        response[name] = value
    return response
