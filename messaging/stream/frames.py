"""Events as they go over the wire, framed once however many get them."""

from __future__ import annotations

from typing import Any

from api import answers
from messaging.stream.places import Place

MEDIA_TYPE = "text/event-stream"
# After how many milliseconds a client that was cut comes again.
RETRY_MS = 2000
# What no row of the log becomes.
TYPING, RESET = "typing", "reset"


def event(kind: str, data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), answers.encode(data))


def identified(place: Place, framed: bytes) -> bytes:
    return b"id: %b\n%b" % (str(place).encode(), framed)


def beginning(place: Place | None) -> bytes:
    """With a place for who begins there; one who comes back has a place that counts until the rest is told."""
    known = f"id: {place}\n" if place else ""
    return f"retry: {RETRY_MS}\n{known}\n".encode()


def heartbeat(place: Place | None) -> bytes:
    """Where a listener has everything up to a place it says so: whoever comes back has the less to ask for."""
    known = f"id: {place}\n" if place else ""
    return f": heartbeat\n{known}\n".encode()


def comment(words: str) -> bytes:
    return f": {words}\n\n".encode()


def chunk(payload: bytes) -> bytes:
    """As HTTP/1.1 sends a body of unknown length."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


LAST_CHUNK = b"0\r\n\r\n"
