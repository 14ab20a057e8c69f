"""What the frame itself answers: health, the OpenAPI document and its page, and what each error means."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, wraps

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator

from api import answers, health
from api.errors import CATALOGUE, ApiError, MethodNotAllowed, NotFound, PermissionDenied, ServerError, ValidationError

logger = logging.getLogger(__name__)


def read_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For what is only looked at: another method is told so, without a question about forms first."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, **arguments: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return _problem_or_page(request, MethodNotAllowed(headers={"Allow": "GET, HEAD"}))
        return view(request, **arguments)

    return guarded


@read_only
def live(request: HttpRequest) -> HttpResponse:
    return answers.ok({"status": "ok", "checks": {}})


@read_only
def ready(request: HttpRequest) -> HttpResponse:
    return _health(*health.READY)


@read_only
def whole(request: HttpRequest) -> HttpResponse:
    return _health()


@read_only
def broadcast(request: HttpRequest) -> HttpResponse:
    return _health("broadcast")


def _health(*names: str) -> HttpResponse:
    found = health.report(*names)
    response = answers.ok(found, status=200 if found["status"] == "ok" else 503)
    response["Cache-Control"] = "no-store"
    return response


@read_only
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_document(), content_type=answers.JSON)


@cache
def _document() -> bytes:
    return answers.encode(SchemaGenerator().get_schema(request=None, public=True))


@read_only
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api/docs.html")


@read_only
def error_list(request: HttpRequest) -> HttpResponse:
    return render(request, "api/errors.html", {"errors": CATALOGUE.values()})


@read_only
def error(request: HttpRequest, code: str) -> HttpResponse:
    if code not in CATALOGUE:
        raise Http404
    return render(request, "api/error.html", {"error": CATALOGUE[code]})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _problem_or_page(request, ValidationError([]))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _problem_or_page(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    # Django would log the path, in which a client may have put anything; this names the fault and its frames.
    logger.error("unexpected fault", exc_info=True)
    return _problem_or_page(request, ServerError())


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without the mark of the page that it belongs to: an old page, or another site's."""
    return _problem_or_page(request, PermissionDenied("form", "Please load the page again and repeat."))


def _problem_or_page(request: HttpRequest, error: ApiError) -> HttpResponse:
    if request.path_info.startswith("/api"):
        return answers.problem(request, error)
    response = render(request, "problem.html", {"error": error}, status=error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response
