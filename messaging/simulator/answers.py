"""Answers in HTTP, as ASGI sends them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson
from uuid_utils.compat import uuid7

from api.errors import ApiError

# Only what the simulator itself serves is loaded, run or called, and nobody frames it.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


@dataclass
class Answer:
    status: int
    body: bytes
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, send: Callable[[dict], Awaitable[None]]) -> None:
        headers = [(b"content-type", self.type.encode()), (b"content-length", str(len(self.body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def json(document: object, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(document), headers={"Cache-Control": "no-store"})


def problem(error: ApiError) -> Answer:
    document = {
        "type": f"/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": str(uuid7()),
        **error.extras,
    }
    return Answer(error.status, orjson.dumps(document), "application/problem+json", error.headers)
