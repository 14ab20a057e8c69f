"""What every page of a signed-in person has: the person, one way to say no, and nothing kept by a browser."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from uuid_utils.compat import uuid7

from accounts.pages import again
from api.errors import ApiError
from api.fields import parse_id
from api.inside import Refused

View = Callable[..., HttpResponse]
ZONE_COOKIE = "callboard_zone"

_stream_place: Callable[[], str] | None = None


def register_stream_place(provider: Callable[[], str]) -> None:
    """The app that keeps the live stream says where it stands before a page reads anything: from there on the page
    listens, and misses nothing that came in between."""
    global _stream_place
    _stream_place = provider


def for_people(*methods: str) -> Callable[[View], View]:
    """A page of whoever is signed in; anyone else is asked to, and comes back to it."""
    allowed = methods or ("GET", "HEAD")

    def of(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **ids: str) -> HttpResponse:
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            # Whatever in an address is not an id leads nowhere, as in the API.
            if any(parse_id(value) is None for value in ids.values()):
                return refusal(request, Refused({"code": "not_found", "status": 404}, {}))
            request.stream_place = _stream_place() if _stream_place else ""
            try:
                with timezone.override(zone_of(request)):
                    response = view(request, **ids)
            except Refused as refused:
                response = refusal(request, refused)
            except ApiError as error:
                response = refusal(request, said(error))
            patch_cache_control(response, private=True, no_store=True)
            return response

        return guarded

    return of


def said(error: ApiError) -> Refused:
    """What a function of the domain refuses a page that asks it without a call of the API between them."""
    document = {"code": error.code, "status": error.status, "detail": error.detail, **error.extras}
    return Refused(document, error.headers)


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    response = render(request, "people/refused.html", {"refused": refused}, status=refused.status)
    if "Retry-After" in refused.headers:
        response["Retry-After"] = refused.headers["Retry-After"]
    return response


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """The viewer's own, as their browser has told; until then the one of the settings."""
    try:
        return zoneinfo.ZoneInfo(request.COOKIES.get(ZONE_COOKIE, ""))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def key_of(request: HttpRequest) -> str:
    """The Idempotency-Key that a form brings along: sent twice, it does its work once."""
    return request.POST.get("key", "")[:255]


def new_key() -> str:
    return str(uuid7())


def next_of(request: HttpRequest, otherwise: str) -> str:
    """Where a form wants to lead back to: a page of ours, never another site's."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if is_ours else otherwise


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """A form whose session has run out keeps what it says until its writer has signed in."""
    if request.method != "POST":
        return redirect(f"/sign-in?{urlencode({'next': request.get_full_path()})}")
    shown = {"next": "/inbox", "kept": again.kept(request)}
    response = render(request, "people/sign_in.html", shown, status=401)
    patch_cache_control(response, private=True, no_store=True)
    return response
