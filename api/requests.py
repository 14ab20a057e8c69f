"""The outermost layer of every request: its id, its one log line, and the address it came from."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from uuid_utils import uuid7

from api import answers, logs, tracing
from api.fields import parse_id

logger = logging.getLogger("api.requests")

# Called with each request, its answer and the seconds that it took. Whoever keeps figures registers; it must be quick.
Observer = Callable[[HttpRequest, HttpResponse, float], None]
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
        token = logs.context.set({"request_id": request.request_id})
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
            took = time.perf_counter() - began
            self._log(request, response, took * 1000)
            for observer in _observers:
                observer(request, response, took)
            return response
        finally:
            logs.context.reset(token)

    @staticmethod
    def _log(request: HttpRequest, response: HttpResponse, duration_ms: float) -> None:
        # The route, not the path: what a client writes into a path may be personal.
        match = request.resolver_match
        event_id = match.kwargs.get("event_id") if match else None
        is_person = getattr(request, "auth", None) is not None
        logs.tell(
            logger,
            logging.ERROR if response.status_code >= 500 else logging.INFO,
            "answered",
            {
                "method": request.method if request.method.isalpha() else "?",
                "route": match.route if match else None,
                "status": response.status_code,
                "duration_ms": round(duration_ms, 2),
                "user_id": request.user.id if is_person else None,
                "event_id": parse_id(event_id) if event_id else None,
            },
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
