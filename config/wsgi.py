"""The door of the web process. Calls to the API go a short way of their own; pages and the admin go Django's."""

import gc
import os

import django
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connections
from django.http import HttpResponse
from django.urls import ResolverMatch, get_resolver
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from api.requests import RequestMiddleware  # noqa: E402  (imports models)
from config.pages import API_PREFIX  # noqa: E402

ID_LENGTH = 36
_ways: dict[tuple[str | None, ...], ResolverMatch] = {}


class Utf8Request(WSGIRequest):
    """Everything here is UTF-8. Django would read a query in whatever codec the client's Content-Type names, before
    anything could answer for the codecs that fail."""

    def _set_content_type_params(self, meta):
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Handler(WSGIHandler):
    request_class = Utf8Request

    def load_middleware(self, is_async=False):
        super().load_middleware(is_async)
        # Of the middleware only this is meant for calls; the rest stands aside for them.
        # What is wrong with a view shows when the process starts, not at its first call.
        get_resolver().url_patterns  # noqa: B018
        self._answer_call = convert_exception_to_response(RequestMiddleware(convert_exception_to_response(_call)))

    def __call__(self, environ, start_response):
        if not environ.get("PATH_INFO", "").startswith(API_PREFIX):
            return super().__call__(environ, start_response)
        # Past Django's signals too: what they are for here is done by _tidy_up, at a fraction of their cost.
        try:
            response = self._answer_call(self.request_class(environ))
        finally:
            _tidy_up()
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]


def _call(request: Utf8Request) -> HttpResponse:
    request.resolver_match = match = _match(request.path_info)
    response = match.func(request, **match.kwargs)
    return response.render() if hasattr(response, "render") else response


def _match(path: str) -> ResolverMatch:
    """Django tries one pattern after the other, for every call; paths that differ only in ids lead to one view."""
    parts = path.split("/")
    ids = [part for part in parts if len(part) == ID_LENGTH]
    shape = tuple([None if len(part) == ID_LENGTH else part for part in parts])
    if known := _ways.get(shape):
        return ResolverMatch(known.func, (), dict(zip(known.kwargs, ids, strict=True)), route=known.route)
    match = get_resolver().resolve(path)
    # Only what has nothing but ids in its variable parts: there are as many ways as routes.
    if list(match.kwargs.values()) == ids:
        _ways[shape] = match
    return match


def _tidy_up() -> None:
    """A connection that failed is not kept for the thread's next call."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred or connection.settings_dict["CONN_MAX_AGE"] is not None:
            connection.close_if_unusable_or_obsolete()


application = Handler()

# What stands now stays for as long as the process: not to be looked through again with every few hundred new objects.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
