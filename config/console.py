"""The console: Django's admin with doors, navigation and pages of Callboard's own.

Staff enter by `is_staff` and see what their groups name; organizers and event moderators enter the same doors and find
their own events. Outside the demo a second factor is asked for first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from accounts import console as people
from accounts import console_sessions, console_views, second_factor
from accounts.models import User
from config import navigation
from config.console_pages import ZoneMiddleware, known_zones, zone_of
from moderation import dashboard_views


class Console(admin.AdminSite):
    site_header = site_title = "Callboard"
    index_title = "Dashboard"
    index_template = "admin/dashboard.html"
    enable_nav_sidebar = False
    login_template = "admin/sign_in.html"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and people.may_enter(request.user)

    def admin_view(self, view: Callable, cacheable: bool = False) -> Callable:
        """Somebody who is signed in and has no business here is told so, rather than asked to sign in again."""
        checked = super().admin_view(view, cacheable)

        @wraps(checked)
        def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            is_leaving = request.path_info == reverse("admin:logout")
            if request.user.is_authenticated and not is_leaving and second_factor.is_asked_of(request):
                return HttpResponseRedirect(
                    f"{reverse('admin:second_factor')}?{urlencode({'next': request.get_full_path()})}"
                )
            if request.user.is_authenticated and not is_leaving:
                console_sessions.note(request)
            return checked(request, *args, **kwargs)

        return guarded

    def logout(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        console_sessions.signed_out(request)
        return super().logout(request, extra_context)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("second-factor/", console_views.second_factor_page, name="second_factor"),
            path("zone/", set_zone, name="zone"),
            path("me/", self.admin_view(console_views.me), name="me"),
            path("me/sessions/<uuid:session_id>/end/", self.admin_view(console_views.end_session), name="end_session"),
            path("me/factor/", self.admin_view(console_views.set_up_factor), name="set_up_factor"),
            path("me/codes/", self.admin_view(console_views.new_codes), name="new_codes"),
            # Nothing of the console has a page outside it.
            *(one for one in super().get_urls() if getattr(one, "name", None) != "view_on_site"),
        ]

    def index(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return dashboard_views.dashboard_page(request, self.each_context(request))

    def each_context(self, request: HttpRequest) -> dict:
        context = {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_url": "/",
            "has_permission": False,
            "is_popup": False,
            "is_nav_sidebar_enabled": False,
            "zone": zone_of(request).key,
            "asks_second_factor": second_factor.is_required(),
        }
        if self.has_permission(request) and not second_factor.is_asked_of(request):
            context |= {"has_permission": True, "navigation": navigation.of(request, self)}
        return context


def set_zone(request: HttpRequest) -> HttpResponse:
    """For whom it is another than their browser's."""
    wanted = request.POST.get("zone", "")
    response = HttpResponseRedirect(reverse("admin:me"))
    if request.method == "POST" and wanted in known_zones():
        response.set_cookie(
            ZoneMiddleware.COOKIE,
            wanted,
            max_age=365 * 86_400,
            path="/admin/",
            samesite="Lax",
            secure=request.is_secure(),
        )
    return response


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What one may not do, said kindly; inside the console with its navigation."""
    person = getattr(request, "user", None)
    context = {"is_person": isinstance(person, User)}
    if request.path_info.startswith("/admin/") and isinstance(person, User):
        context |= admin.site.each_context(request)
        context |= {"title": "This is not for you to do", "reason": _said(exception)}
        return render(request, "admin/refused.html", context, status=403)
    return render(request, "admin/refused_outside.html", context, status=403)


def _said(exception: Exception | None) -> str:
    return str(exception or "")
