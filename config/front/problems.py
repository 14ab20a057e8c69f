"""What the front answers itself: the API's problem documents, for what never reaches the API."""

from http import HTTPStatus

import orjson
from uuid_utils.compat import uuid7

from api.errors import ApiError, ValidationError


class Malformed(ValidationError):
    """Not HTTP, or not such that both sides must read it alike."""

    def __init__(self, detail: str):
        super().__init__([("#", detail)])


def answer(error: ApiError, *, closing: bool, with_body: bool) -> bytes:
    request_id = str(uuid7())
    body = orjson.dumps(error.document(request_id))
    headers = {"Content-Type": "application/problem+json", "Content-Length": len(body), "X-Request-ID": request_id}
    headers |= error.headers
    if closing:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head + body if with_body else head
