"""Pages ask the API in their own process: the same addresses, bodies, checks and answers as from outside.

So a page has no rule of its own. What is refused comes as `Refused`, with the text for each field of a form.
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlencode

import orjson
from django.http import HttpRequest
from django.urls import resolve
from django.utils import translation

from api import answers, wording
from api.calls import Call
from api.idempotency import META

PREFIX = "/api/v1"


class Refused(Exception):
    """A problem document, in the words of the language that the page is in."""

    def __init__(self, document: dict, headers: dict[str, str]):
        super().__init__(document["code"])
        self.document, self.headers = document, headers
        self.code, self.status = document["code"], document["status"]
        self.reason = document.get("reason")
        self.detail = wording.told(document)
        # By field; under "" what belongs to none.
        self.errors: dict[str, list[str]] = {}
        for error in document.get("errors", []):
            self.errors.setdefault(_field(error["pointer"]), []).append(wording.of(error["detail"]))


def ask(request: HttpRequest, method: str, path: str, body: Any = None, *, key: str = "", **query: Any) -> Any:
    """What this call answers to the person whose page this is; `key` is an Idempotency-Key."""
    inner = _request(request, method, path, body, key, query)
    match = resolve(inner.path_info)
    # The API speaks English; what people read of it is put into their language here.
    with translation.override("en"):
        response = match.func(inner, **match.kwargs)
    document = orjson.loads(response.content) if response.content else None
    if response.status_code >= 400:
        raise Refused(document, dict(response.items()))
    return document


def _request(request: HttpRequest, method: str, path: str, body: Any, key: str, query: dict) -> Call:
    raw = b"" if body is None else answers.encode(body)
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": PREFIX + path,
        "QUERY_STRING": urlencode({name: value for name, value in query.items() if value not in (None, "")}),
        "CONTENT_TYPE": answers.JSON,
        "CONTENT_LENGTH": str(len(raw)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(raw),
        **({META: key} if key else {}),
    }
    inner = Call(environ)
    # Nothing that a client sends becomes an attribute: only pages can say for whom they ask.
    inner.asked_by = request.user
    inner.request_id = getattr(request, "request_id", "")
    return inner


def _field(pointer: str) -> str:
    return pointer.lstrip("#/?").partition("/")[0]
