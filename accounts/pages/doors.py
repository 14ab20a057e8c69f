"""Signing in and out on pages: the same check and the same counts as the API's login, kept as a session."""

from __future__ import annotations

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from accounts import audit, logins
from accounts.pages import again
from accounts.pages.frame import next_of
from api import wording
from api.errors import ApiError, NotAuthenticated
from api.requests import client_address

HOME = "/inbox"
MOST = 1000


def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    kept = request.POST.get("kept", "")
    shown = {"next": next_of(request, HOME), "username": "", "error": "", "kept": kept}
    status = 200
    if request.method == "POST":
        shown["username"] = request.POST.get("username", "")[:MOST]
        try:
            _begin(request, shown["username"], request.POST.get("password", "")[:MOST])
            return (kept and again.offer(request, kept)) or redirect(shown["next"])
        except NotAuthenticated:
            shown["error"], status = gettext("Username or phone and password do not belong together."), 401
        except ApiError as error:
            shown["error"], status = wording.told({"code": error.code, "detail": error.detail}), error.status
    elif request.user.is_authenticated:
        return redirect(shown["next"])
    response = render(request, "people/sign_in.html", shown, status=status)
    patch_cache_control(response, private=True, no_store=True)
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        audit.record(by=request.user, action="page_logout", target=request.user)
    auth.logout(request)
    return redirect("/")


def _begin(request: HttpRequest, identifier: str, password: str) -> None:
    person = logins.verified(identifier=identifier, password=password, address=client_address(request))
    auth.login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
    audit.record(by=person, action="page_login", target=person)
