"""GET /api/v1/stream, an ASGI application: who asks is found, counted and let in; what fails is a problem document."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict

from accounts.credentials import Credential
from api import answers, limits, logs
from api.errors import ApiError, MethodNotAllowed, NotAcceptable, RateLimited, ServerError, ValidationError
from api.requests import request_id
from messaging.stream import frames, places
from messaging.stream.guests import Guests
from messaging.stream.hub import Hub
from messaging.stream.listeners import Listener
from messaging.stream.places import Place

logger = logging.getLogger("api.requests")

PATH = "/api/v1/stream"
ROUTE = "api/v1/stream"
METHODS = ("GET", "HEAD")
ACCEPTED = {frames.MEDIA_TYPE, "text/*", "*/*", answers.JSON, "application/*", answers.PROBLEM}
TOO_MANY_RETRY_SECONDS = 30

Headers = dict[bytes, bytes]


class Door:
    def __init__(self, hub: Hub, guests: Guests):
        self.hub, self.guests = hub, guests
        self.open: Counter[str] = Counter()

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        call = Call(scope, send)
        try:
            guest = await self._admit(call)
        except ApiError as error:
            await call.refuse(error)
        except Exception:
            logger.exception("unexpected fault")
            await call.refuse(ServerError())
        else:
            await self._serve(call, guest, receive)

    async def _admit(self, call: Call) -> Credential:
        """In the order that the contract fixes."""
        call.check_method()
        call.check_accept()
        call.guest = guest = await self.guests.identify(call.headers)
        call.allowance = await asyncio.to_thread(limits.count_call, guest.person)
        limits.refuse_beyond(call.allowance)
        call.check_id()
        if self.open[guest.person] >= settings.STREAMS_PER_PERSON:
            raise RateLimited(
                TOO_MANY_RETRY_SECONDS,
                detail=f"You have {self.open[guest.person]} streams open, which is as many as one may. Close one.",
            )
        return guest

    async def _serve(self, call: Call, guest: Credential, receive: Any) -> None:
        self.open[guest.person] += 1
        listener = None
        try:
            here = None if call.place else await self.hub.look()
            await call.begin()
            if call.scope["method"] == "HEAD":
                return
            listener = Listener(guest, call.scope["transport"], call.place or here)
            listener.transport.write(frames.chunk(frames.beginning(here)))
            self.hub.join(listener)
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self.open[guest.person] -= 1
            if not self.open[guest.person]:
                del self.open[guest.person]
            if listener is not None:
                self.hub.leave(listener)
                call.note_end(listener)


class Call:
    """The request, and what is answered before a stream begins."""

    def __init__(self, scope: dict, send: Any):
        self.scope, self.send = scope, send
        self.headers: Headers = dict(scope["headers"])
        self.request_id = request_id(self.headers.get(b"x-request-id", b"").decode("latin-1"))
        self.began = time.perf_counter()
        self.guest: Credential | None = None
        self.allowance: limits.Allowance | None = None
        self.place: Place | None = None

    def check_method(self) -> None:
        if self.scope["method"] not in METHODS:
            raise MethodNotAllowed(headers={"Allow": ", ".join(METHODS)})

    def check_accept(self) -> None:
        given = self.headers.get(b"accept", b"*/*").decode("latin-1")
        if not {kind.partition(";")[0].strip().lower() for kind in given.split(",")} & ACCEPTED:
            raise NotAcceptable

    def check_id(self) -> None:
        """A browser that comes back has the header; who cannot set one names it in the query."""
        given = self.headers.get(b"last-event-id", b"").decode("latin-1")
        pointer = "#/Last-Event-ID" if given else "?last_event_id"
        given = given or self._named_in_query()
        if given is not None:
            self.place = places.parse(given)
            if self.place is None:
                raise ValidationError([(pointer, places.NO_ID)])

    def _named_in_query(self) -> str | None:
        try:
            given = QueryDict(self.scope["query_string"])
        except TooManyFieldsSent:
            raise ValidationError([("?", "These are too many parameters.")]) from None
        return places.named(given)

    async def begin(self) -> None:
        await self._start(200, {"Content-Type": f"{frames.MEDIA_TYPE}; charset=utf-8", "X-Accel-Buffering": "no"})
        if self.scope["method"] == "HEAD":
            await self.send({"type": "http.response.body", "body": b""})

    async def refuse(self, error: ApiError) -> None:
        body = answers.encode(error.document(self.request_id))
        headers = {"Content-Type": answers.PROBLEM, "Content-Length": str(len(body)), **error.headers}
        await self._start(error.status, headers)
        await self.send({"type": "http.response.body", "body": body})

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        counted = self.allowance.headers() if self.allowance else {}
        headers = {**headers, "Cache-Control": "no-store", **counted, "X-Request-ID": self.request_id}
        lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        self._log("answered", status)
        await self.send({"type": "http.response.start", "status": status, "headers": lines})

    def note_end(self, listener: Listener) -> None:
        self._log(f"stream ended: {listener.ended or 'the client left'}", 200)

    def _log(self, message: str, status: int) -> None:
        token = logs.context.set({"request_id": self.request_id})
        logger.log(
            logging.ERROR if status >= 500 else logging.INFO,
            message,
            extra={
                "method": self.scope["method"] if self.scope["method"].isalpha() else "?",
                "route": ROUTE,
                "status": status,
                "duration_ms": round((time.perf_counter() - self.began) * 1000, 2),
                "user_id": self.guest and self.guest.person,
                "event_id": None,
            },
        )
        logs.context.reset(token)
