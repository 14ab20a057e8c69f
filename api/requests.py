"""The outermost layer of every request: its id, its one log line, and the address it came from."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from uuid_utils import uuid7

from api import answers, idempotency, logs, tracing
from api.fields import parse_id

logger = logging.getLogger("api.requests")


class Answered(NamedTuple):
    """What is told of a request once its answer is on its way: to the log, and to whoever keeps figures."""

    at: float
    method: str
    # The route, not the path: what a client writes into a path may be personal.
    route: str | None
    status: int
    headers: Mapping[str, str]
    seconds: float
    user_id: UUID | None
    event_id: str | None
    has_key: bool
    # Of the messages' schema that took it in, where that was asked.
    version: str | None
    # For every line of this request.
    ids: dict[str, Any] | None

    def fields(self) -> dict[str, Any]:
        return {
            "method": self.method if self.method.isalpha() else "?",
            "route": self.route,
            "status": self.status,
            "duration_ms": round(self.seconds * 1000, 2),
            "user_id": self.user_id,
            "event_id": parse_id(self.event_id),
        }

    def tell(self) -> None:
        """What is wrong is told at once, by way of the logging module: it knows who else looks at that."""
        level = logging.ERROR if self.status >= 500 else logging.INFO
        is_ordinary = level == logging.INFO and logger.isEnabledFor(level)
        if not (is_ordinary and logs.later(self._line, self._observe)):
            logger.log(level, "answered", extra=self.fields())
            self._observe()

    def _line(self) -> str:
        return logs.as_json(self.at, "info", logger.name, "answered", self.ids, self.fields())

    def _observe(self) -> None:
        for observer in _observers:
            try:
                observer(self)
            except Exception:
                logger.exception("a request was not counted")


# Whoever keeps figures registers; it must be quick.
Observer = Callable[[Answered], None]
_observers: list[Observer] = []

_GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


def observe(observer: Observer) -> None:
    _observers.append(observer)


class RequestMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        request.request_id = request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        ids = {"request_id": request.request_id}
        token = logs.context.set(ids)
        try:
            traced = tracing.tracer is not None
            response = tracing.answered(self.get_response, request) if traced else self.get_response(request)
            answers.add_header(response, "X-Request-ID", request.request_id)
            if (
                response.status_code != 204
                and not response.streaming
                and not answers.has_header(response, "content-length")
            ):
                answers.add_header(response, "Content-Length", str(len(response.content)))
            _answered(request, response, time.perf_counter() - began, ids).tell()
            return response
        finally:
            logs.context.reset(token)


def _answered(request: HttpRequest, response: HttpResponse, seconds: float, ids: dict[str, Any]) -> Answered:
    match = request.resolver_match
    return Answered(
        time.time(),
        request.method,
        match.route if match else None,
        response.status_code,
        response.headers,
        seconds,
        request.user.id if getattr(request, "auth", None) is not None else None,
        match.kwargs.get("event_id") if match else None,
        idempotency.META in request.META and request.method == "POST",
        getattr(request, "schema_version", None),
        ids,
    )


def request_id(given: str) -> str:
    """The one that the client gave, where it can be had in a log; else a new one."""
    return given if is_fit(given) else str(uuid7())


def is_fit(given: str) -> bool:
    """An id goes into every log line, so one that looks like a token or a phone is not taken."""
    return _GIVEN_ID.fullmatch(given) is not None and logs.scrubbed(given) == given


def client_address(request: HttpRequest) -> str:
    """Where the call came from: the header of the proxy in front if there is one, never one a client chose."""
    if settings.REAL_IP_HEADER:
        given = request.headers.get(settings.REAL_IP_HEADER, "")
        if given:
            return given
    return request.META.get("REMOTE_ADDR") or "unknown"
