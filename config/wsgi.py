"""The door of the web process. Calls to the API go a short way of their own; pages and the admin go Django's."""

import gc
import os
import re

import django
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import ResolverMatch, get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from api import answers  # noqa: E402  (imports models)
from api.calls import Call, Utf8Request  # noqa: E402
from api.database import tidy_up  # noqa: E402
from api.requests import RequestMiddleware  # noqa: E402
from config.pages import API_PREFIX  # noqa: E402

# What stands in a path where an id may: of its length.
_ID = re.compile(r"(?<=/)([^/]{36})(?![^/])")
_ways: dict[tuple[str, ...], ResolverMatch] = {}


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
        # Past Django's signals too: what they are for here is done by tidy_up, at a fraction of their cost.
        try:
            response = self._answer_call(Call(environ))
        finally:
            tidy_up()
        start_response(f"{response.status_code} {response.reason_phrase}", answers.headers(response))
        return [response.content]


def _call(request: Call) -> HttpResponse:
    request.resolver_match = match = _match(request.path_info)
    response = match.func(request, **match.kwargs)
    return response.render() if hasattr(response, "render") else response


def _match(path: str) -> ResolverMatch:
    """Django tries one pattern after the other, for every call; paths that differ only in ids lead to one view."""
    parts = _ID.split(path)
    shape, ids = tuple(parts[::2]), parts[1::2]
    if known := _ways.get(shape):
        match = ResolverMatch.__new__(ResolverMatch)
        match.__dict__ = known.__dict__ | {"kwargs": dict(zip(known.kwargs, ids, strict=True))}
        return match
    match = get_resolver().resolve(path)
    # Only what has nothing but ids in its variable parts: there are as many ways as routes.
    if list(match.kwargs.values()) == ids:
        _ways[shape] = match
    return match


application = Handler()

# What stands now stays for as long as the process: not to be looked through again with every few hundred new objects.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
