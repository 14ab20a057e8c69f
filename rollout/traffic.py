"""Every request, by route and status, and how long it took. Apps to the left look at those of their own routes.

It costs a few microseconds a request: three additions in this process' memory, made at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

from api import idempotency
from api.requests import Answered
from rollout import figures
from rollout.figures import Bump, Values

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
STATUSES = (
    *("200", "201", "202", "204", "301", "302", "304"),
    *("400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429", "500", "503"),
)
ADMIN = "admin/"
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def shown(route: str) -> str:
    """As the API's document writes it. The admin's many pages are one."""
    if route.startswith(ADMIN):
        return "/admin/"
    return "/" + _PARAMETER.sub(r"{\1}", route)


def routes() -> list[str]:
    """the patterns of our addresses"""
    return sorted({shown(route) for route in _routes(get_resolver())})


def _routes(resolver: URLResolver, before: str = "") -> list[str]:
    found = []
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern) or route.startswith(ADMIN):
            found.append(route)
        else:
            found += _routes(pattern, route)
    return found


# Only what has happened is a series; so many could be.
MOST_SERIES = 30_000
requests = figures.counter(
    "http_requests",
    "Requests by method, route and status.",
    {"method": METHODS, "route": routes, "status": STATUSES},
    most_series=MOST_SERIES,
)
seconds = figures.histogram(
    "http_request_seconds",
    "How long a request took in the web process.",
    {"method": METHODS, "route": routes},
    most_series=MOST_SERIES,
)
replays = figures.counter(
    "idempotency_answers",
    "POSTs with an Idempotency-Key: answered for the first time, again, or refused because of the key.",
    {"outcome": ("first", "replayed", "refused")},
)

# More to count of one request: asked after the answer is made, and must be quick.
Watcher = Callable[[Answered], Iterable[Bump]]
_watchers: dict[tuple[str, str], Watcher] = {}


def watch(method: str, route: str, watcher: Watcher) -> None:
    """`route` as it is shown."""
    _watchers[method, route] = watcher


class _Series(NamedTuple):
    asked: Bump
    seconds: Values
    watcher: Watcher | None


# As many as methods, routes and statuses that are declared.
_known: dict[tuple, _Series] = {}


def count(answered: Answered) -> None:
    key = (answered.method, answered.route, answered.status)
    series = _known.get(key) or _series(*key)
    more = series.watcher(answered) if series.watcher else ()
    figures.bump(series.asked, *seconds.bumps(series.seconds, answered.seconds), *more)
    if answered.has_key:
        replays.add(outcome=_of_key(answered))


def _series(method: str, raw: str | None, status: int) -> _Series:
    route = figures.OTHER if raw is None else shown(raw)
    asked = requests.bump(method=method, route=route, status=str(status))
    # A route and a method that are declared: else any caller could add to what is remembered.
    values = (method if method in METHODS else figures.OTHER, route)
    series = _Series(asked, values, _watchers.get((method, route)))
    if figures.OTHER not in asked[0][2]:
        _known[method, raw, status] = series
    return series


def _of_key(answered: Answered) -> str:
    if idempotency.REPLAYED in answered.headers:
        return "replayed"
    is_refused = answered.status == 422 or (answered.status == 409 and "Retry-After" in answered.headers)
    return "refused" if is_refused else "first"


def outcome(answered: Answered) -> str:
    """What an attempt came to, in the words of the figures about one thing that people do."""
    status = answered.status
    if status < 400:
        return "replayed" if idempotency.REPLAYED in answered.headers else "done"
    if status in (429, 503):
        return "unserved"
    if status >= 500:
        return "failed"
    return "exists" if status == 409 and "Retry-After" not in answered.headers else "refused"


OUTCOMES = ("done", "replayed", "exists", "refused", "unserved", "failed")
