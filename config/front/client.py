from __future__ import annotations

import asyncio
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from api.errors import ApiError, PayloadTooLarge
from config.front import problems
from config.front.exchange import Exchange
from config.front.heads import RequestHead
from config.front.reader import HELD_BODY, Reader

if TYPE_CHECKING:
    from config.front.server import Front

API_PATH = b"/api/v1/"
HEAD_SECONDS, BODY_SECONDS, IDLE_SECONDS, LINGER_SECONDS = 15, 60, 75, 2


class Client(asyncio.Protocol):
    """A connection from outside. One request at a time is under way; what comes after it waits unread."""

    def __init__(self, front: Front):
        self.front, self.reader = front, Reader()
        self.exchange: Exchange | None = None  # the request under way
        self.has_asked = False
        self.is_paused = False  # we do not read what it sends
        self.is_choked = False  # it does not read what we send
        self.is_lingering = False  # it has had its last answer; what it still sends goes nowhere
        self.since = monotonic()  # the last step forward

    def connection_made(self, transport):
        self.transport = transport
        peer = transport.get_extra_info("peername")[0].encode()
        self.stamp = b"X-Real-IP: %b\r\nX-Forwarded-For: %b\r\nX-Forwarded-Proto: http\r\n" % (peer, peer)
        self.front.clients.add(self)

    def connection_lost(self, error):
        self.front.clients.discard(self)
        self.is_lingering = True
        self.let_go()

    @property
    def is_idle(self) -> bool:
        return self.exchange is None and not self.reader.buffer

    def is_late(self, now: float) -> bool:
        return now - self.since > self.patience()

    def patience(self) -> float:
        """For how many seconds it may stay as it is."""
        if self.is_lingering:
            return LINGER_SECONDS
        if self.is_choked:
            return IDLE_SECONDS
        if self.exchange:
            return inf if self.exchange.is_received or self.is_paused else BODY_SECONDS
        return IDLE_SECONDS if self.is_idle and self.has_asked else HEAD_SECONDS

    # --- Reading requests

    def data_received(self, data):
        if self.is_lingering:
            return
        # Empty lines between requests are no step forward.
        if self.is_idle and data.strip(b"\r\n"):
            self.since = monotonic()
        self.reader.buffer += data
        self.advance()

    def advance(self):
        """Reads on as far as the bytes at hand and the request under way allow."""
        try:
            while self.reader.buffer and not self.is_lingering and not self.is_paused:
                exchange = self.exchange
                if exchange and not exchange.is_received:
                    self.take_body(exchange)
                elif exchange or self.is_choked:
                    self.pause()
                elif head := self.reader.take_head():
                    self.begin(head)
                else:
                    return
        except ApiError as error:
            self.answer_problem(error)

    def begin(self, head: RequestHead):
        self.has_asked = True
        self.exchange = exchange = Exchange(head, self, self.front.backend_for(head.target))
        # Web would say so and close with the body unread, which may reset the connection ahead of its answer.
        if head.length > HELD_BODY and head.target.startswith(API_PATH):
            raise PayloadTooLarge(f"A body may take {HELD_BODY} bytes.")
        if self.reader.is_complete:
            exchange.is_received = True
            exchange.backend.serve(exchange)
            return
        self.since = monotonic()
        if head.expects_continue and not self.reader.buffer:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def take_body(self, exchange: Exchange):
        data = self.reader.take_body()
        self.since = monotonic()
        exchange.is_received = self.reader.is_complete
        if exchange.upstream:
            exchange.upstream.transport.write(data)
            return
        exchange.body += data
        if exchange.is_received:
            exchange.backend.serve(exchange)
        elif len(exchange.body) > HELD_BODY:
            self.pause()  # until a backend takes it
            exchange.backend.serve(exchange)

    # --- Answering

    def stays(self) -> bool:
        """Whether it is kept after the answer under way: not if a part of the request is still to come."""
        exchange = self.exchange
        return bool(exchange and exchange.keeps_alive and exchange.is_received) and not self.front.is_stopping

    def answer_problem(self, error: ApiError):
        with_body = not (self.exchange and self.exchange.head.is_head)
        self.transport.write(problems.answer(error, closing=not self.stays(), with_body=with_body))
        self.finish()

    def finish(self):
        """The answer is written. Closing with unread input would reset the connection and lose that answer."""
        stays = self.stays()
        has_said_all = bool(self.exchange and self.exchange.is_received) and not self.reader.buffer
        self.let_go()
        if stays:
            self.go_on()
        elif has_said_all:
            self.transport.close()
        else:
            self.linger()

    def let_go(self):
        """The request under way is answered or given up."""
        exchange, self.exchange = self.exchange, None
        if exchange:
            exchange.client = None
            if exchange.upstream:
                exchange.upstream.drop()

    def linger(self):
        self.is_lingering = True
        self.go_on()
        if not self.transport.is_closing():
            self.transport.write_eof()

    # --- Whoever is slow stops the other side

    def pause(self):
        self.is_paused = True
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def go_on(self):
        self.since = monotonic()
        if self.is_paused and not self.transport.is_closing():
            self.is_paused = False
            self.transport.resume_reading()
        self.advance()

    def pause_writing(self):
        self.is_choked, self.since = True, monotonic()
        if self.exchange and self.exchange.upstream:
            self.exchange.upstream.transport.pause_reading()

    def resume_writing(self):
        self.is_choked, self.since = False, monotonic()
        if self.exchange is None:
            self.go_on()
        elif self.exchange.upstream and not self.exchange.upstream.transport.is_closing():
            self.exchange.upstream.transport.resume_reading()
