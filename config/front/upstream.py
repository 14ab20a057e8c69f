from __future__ import annotations

import asyncio
import select
import sys
from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from api.errors import PayloadTooLarge, ServiceUnavailable
from config.front import plain
from config.front.exchange import Exchange
from config.front.heads import Headers, answer_head

if TYPE_CHECKING:
    from config.front.backend import Backend


class Upstream(asyncio.Protocol):
    """A connection to a backend: it carries one exchange after the other and is kept in between."""

    def __init__(self, backend: Backend):
        self.backend = backend
        self.exchange: Exchange | None = None
        self.is_choked = False  # the backend does not read what we send

    def connection_made(self, transport):
        self.transport = transport
        self.parser = HttpResponseParser(self)
        self.events = select.poll()
        self.events.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)

    def is_stale(self) -> bool:
        """Nothing is sent into a connection whose other end has closed: so a POST is provably not sent twice."""
        return self.transport.is_closing() or bool(self.events.poll(0))

    def begin(self, exchange: Exchange):
        client = exchange.client
        self.exchange, exchange.upstream = exchange, self
        self.reason = b""
        self.headers: Headers = []
        self.out: list[bytes] = []
        self.is_interim = self.is_complete = False
        self.is_parsed = False  # the parser has seen something of the answer
        self.is_bodyless = self.is_chunked = self.ends_by_closing = False
        self.is_reusable = True
        self.transport.write(exchange.opening())
        if client.is_choked:
            self.transport.pause_reading()
        if client.is_paused and not exchange.is_received and not self.is_choked:
            client.go_on()

    def drop(self):
        self.exchange = None
        self.transport.abort()

    # --- Reading the answer

    def data_received(self, data):
        exchange = self.exchange
        if exchange is None:
            self.transport.abort()
            return
        if not self.is_parsed and self.is_passed_on(data, exchange):
            exchange.client.transport.write(data)
            self.finish(exchange)
            return
        self.is_parsed = True
        try:
            self.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            sys.stderr.write(f"front: {self.backend.name} answered what is not HTTP: {error!r}\n")
            self.transport.abort()
        if self.out:
            exchange.client.transport.write(b"".join(self.out))
            self.out = []
        if self.is_complete:
            self.finish(exchange)

    def is_passed_on(self, data: bytes, exchange: Exchange) -> bool:
        """As it is: because it is the answer, whole, and nothing of it would be written otherwise."""
        return plain.is_whole_answer(data) and not exchange.head.is_head and exchange.client.stays()

    def on_message_begin(self):
        if self.is_complete:
            self.is_reusable = False  # it says more than it was asked

    def on_status(self, reason):
        self.reason += reason

    def on_header(self, name, value):
        self.headers.append((name, value))

    def on_headers_complete(self):
        status = self.parser.get_status_code()
        reason, self.reason = self.reason, b""
        headers, self.headers = self.headers, []
        self.is_interim = status < 200
        if not self.is_interim and not self.is_complete:
            self.begin_answer(status, reason, headers)

    def begin_answer(self, status: int, reason: bytes, headers: Headers):
        exchange = self.exchange
        names = {name.lower() for name, _ in headers}
        # Whoever refuses a body may close without having read it.
        self.is_reusable = self.parser.should_keep_alive() and exchange.is_received and status != PayloadTooLarge.status
        self.is_bodyless = exchange.head.is_head or status in (204, 304)
        if not self.is_bodyless and b"content-length" not in names:
            self.is_chunked = not exchange.head.is_http_1_0
            self.ends_by_closing = b"transfer-encoding" not in names
        exchange.keeps_alive = exchange.client.stays()
        self.out.append(
            answer_head(status, reason, headers, is_chunked=self.is_chunked, keeps_alive=exchange.keeps_alive)
        )
        exchange.is_answered = True
        if exchange.head.is_head:  # the parser would wait for the body that the length speaks of
            self.is_complete, self.parser = True, HttpResponseParser(self)

    def on_body(self, data):
        if self.is_complete or self.is_bodyless:
            self.is_reusable = False
        elif self.is_chunked:
            self.out += (b"%x\r\n" % len(data), data, b"\r\n")
        else:
            self.out.append(data)

    def on_message_complete(self):
        if self.is_interim or self.is_complete:
            return
        self.is_complete = True
        if self.is_chunked:
            self.out.append(b"0\r\n\r\n")

    def finish(self, exchange: Exchange):
        self.exchange = exchange.upstream = None
        # What is still to be written of a body that was answered unread would go ahead of the next request, into a
        # connection that the other end is about to close.
        is_sent = not self.transport.get_write_buffer_size()
        if self.is_reusable and exchange.is_small and is_sent and not self.transport.is_closing():
            # The end of the answer may just have choked its client; the next one has nothing to do with that.
            self.transport.resume_reading()
            self.backend.release(self)
        else:
            self.transport.abort()
        exchange.client.finish()

    def connection_lost(self, error):
        self.backend.lost(self)
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        exchange.upstream = None
        if self.ends_by_closing and error is None:
            exchange.client.transport.write(b"0\r\n\r\n" if self.is_chunked else b"")
            exchange.client.finish()
        elif exchange.is_answered:
            exchange.client.transport.close()  # the client sees that the answer is cut
        elif exchange.head.is_repeatable and not exchange.is_repeated:
            exchange.is_repeated = True
            self.backend.serve(exchange)
        else:
            exchange.client.answer_problem(ServiceUnavailable("The server closed before it answered."))

    # --- Whoever is slow stops the other side

    def pause_writing(self):
        self.is_choked = True
        if self.exchange and not self.exchange.is_received:
            self.exchange.client.pause()

    def resume_writing(self):
        self.is_choked = False
        if self.exchange and not self.exchange.is_received:
            self.exchange.client.go_on()
