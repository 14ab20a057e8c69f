from __future__ import annotations

from typing import TYPE_CHECKING

from config.front.heads import RequestHead

if TYPE_CHECKING:
    from config.front.backend import Backend
    from config.front.client import Client
    from config.front.upstream import Upstream

SMALL_BODY = 16 * 1024


class Exchange:
    """One request on its way to a backend, and its answer on the way back."""

    __slots__ = (
        "head", "backend", "client", "upstream", "body", "is_received", "is_answered", "is_repeated", "keeps_alive",
    )  # fmt: skip

    def __init__(self, head: RequestHead, client: Client, backend: Backend):
        self.head, self.backend = head, backend
        self.client: Client | None = client  # until the answer is written, or the client has left
        self.upstream: Upstream | None = None  # the connection that carries it, once there is one
        self.body = bytearray()  # what has come before that
        self.is_received = False  # the request, whole
        self.is_answered = False  # at least the head of the answer is written
        self.is_repeated = False
        self.keeps_alive = head.keeps_alive  # the client's connection

    @property
    def is_small(self) -> bool:
        """Whether it is surely out of the way: who answers without having read a large body closes thereafter."""
        return self.is_received and self.head.length <= SMALL_BODY and not self.head.is_chunked

    def opening(self) -> bytes:
        """The head and what has come of the body; a chunked body is always here whole and gets its length."""
        head = self.head.text + self.client.stamp
        if self.head.is_repeatable:
            return head + b"\r\n"
        body, self.body = bytes(self.body), bytearray()
        length = len(body) if self.is_received else self.head.length
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, length, body)
