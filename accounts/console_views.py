"""The second factor at the door of the console, and what somebody keeps of themselves behind it."""

from __future__ import annotations

import segno
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from accounts import console, console_sessions, second_factor, totp
from accounts.models import ConsoleSession
from api.errors import ApiError
from api.requests import client_address

ISSUER = "Callboard"
SESSIONS_SHOWN = 20


@never_cache
@csrf_protect
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Between the password and the console: a code, or the first one of an authenticator that is set up now."""
    if not (request.user.is_authenticated and console.may_enter(request.user)):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    has_one = second_factor.confirmed(request.user) is not None
    if has_one and not second_factor.is_asked_of(request):
        return HttpResponseRedirect(_next(request))
    error = None
    if request.method == "POST":
        given, address = request.POST.get("code", ""), client_address(request)
        try:
            if has_one:
                second_factor.verify(request.user, given, address=address)
                second_factor.pass_on(request)
                return HttpResponseRedirect(_next(request))
            codes = second_factor.confirm(request.user, given, address=address)
            second_factor.pass_on(request)
            return _page(request, "codes", "Your recovery codes", codes=codes, next=_next(request))
        except ApiError as refused:
            error = console.told(refused)
    if has_one:
        return _page(request, "code", "Second factor", error=error)
    return _page(request, "set_up", "Set up your second factor", error=error, **_drawn(request))


def _drawn(request: HttpRequest) -> dict:
    key = bytes(second_factor.begin(request.user).key)
    address = totp.address(key, account=request.user.username, issuer=ISSUER)
    # Drawn here, of an address that is made here: nothing in it comes from anybody.
    drawn = segno.make(address, error="m").svg_inline(scale=5, border=3, dark="#000", light="#fff")
    return {"qr": mark_safe(drawn), "typed": totp.shown(key)}  # noqa: S308


def _page(request: HttpRequest, name: str, title: str, **more) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "next": _next(request), **more}
    return render(request, f"admin/second_factor/{name}.html", context)


def _next(request: HttpRequest) -> str:
    """Nowhere but here."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if is_ours and wanted.startswith("/") else reverse("admin:index")


def me(request: HttpRequest) -> HttpResponse:
    factor = second_factor.confirmed(request.user)
    mine = console_sessions.live(ConsoleSession.objects.filter(user=request.user)).order_by("-seen_at")[:SESSIONS_SHOWN]
    context = {
        **admin.site.each_context(request),
        "title": "Your sign-in",
        "sessions": mine,
        "this_session": request.session.session_key,
        "factor": factor,
        "codes_left": second_factor.codes_left(request.user) if factor else 0,
    }
    return render(request, "admin/me.html", context)


@require_POST
def end_session(request: HttpRequest, session_id) -> HttpResponse:
    ended = console_sessions.end(ConsoleSession.objects.filter(user=request.user, id=session_id), by=request.user)
    if ended:
        messages.success(request, "That session is over.")
    return HttpResponseRedirect(reverse("admin:me"))


@require_POST
def set_up_factor(request: HttpRequest) -> HttpResponse:
    """Another authenticator in place of the one there is, which has to be shown once more."""
    if second_factor.confirmed(request.user):
        try:
            second_factor.verify(request.user, request.POST.get("code", ""), address=client_address(request))
        except ApiError as refused:
            messages.error(request, console.told(refused))
            return HttpResponseRedirect(reverse("admin:me"))
        second_factor.reset(request.user, by=request.user)
        return HttpResponseRedirect(reverse("admin:login"))
    return HttpResponseRedirect(reverse("admin:second_factor"))


@require_POST
def new_codes(request: HttpRequest) -> HttpResponse:
    try:
        codes = second_factor.replace_codes(request.user, request.POST.get("code", ""), address=client_address(request))
    except ApiError as refused:
        messages.error(request, console.told(refused))
        return HttpResponseRedirect(reverse("admin:me"))
    return _page(request, "codes", "Your recovery codes", codes=codes, next=reverse("admin:me"))
