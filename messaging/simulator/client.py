"""A connection to our side that is kept: one post after the other, each with its answer."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

ANSWER_LIMIT = 64 * 1024


class Gone(Exception):
    """No whole answer came."""


class Connection(asyncio.Protocol):
    def __init__(self):
        self.answer: asyncio.Future | None = None

    @classmethod
    async def open(cls, url: str) -> Connection:
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(cls, parts.hostname, port, ssl=is_tls or None)
        return made

    def connection_made(self, transport):
        self.transport = transport

    @property
    def is_open(self) -> bool:
        return not self.transport.is_closing()

    async def post(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        self.answer, self.body = asyncio.get_running_loop().create_future(), b""
        self.parser = HttpResponseParser(self)
        self.transport.write(head + body)
        return await self.answer

    def close(self) -> None:
        self.transport.abort()

    def data_received(self, data):
        if self.answer is None or self.answer.done():
            self.transport.abort()
            return
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self._fail()

    def connection_lost(self, error):
        self._fail()

    def on_body(self, data):
        self.body += data
        if len(self.body) > ANSWER_LIMIT:
            self._fail()

    def on_message_complete(self):
        if not self.parser.should_keep_alive():
            self.transport.close()
        if not self.answer.done():
            self.answer.set_result((self.parser.get_status_code(), self.body))

    def _fail(self) -> None:
        self.transport.abort()
        if self.answer and not self.answer.done():
            self.answer.set_exception(Gone())


def head(url: str, signature: str, length: int, idempotency_token: str) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "User-Agent: TwilioProxy/1.1",
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
        f"Content-Length: {length}",
        f"X-Twilio-Signature: {signature}",
        f"I-Twilio-Idempotency-Token: {idempotency_token}",
        "Accept: */*",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
