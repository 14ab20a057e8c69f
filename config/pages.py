"""Django's own middleware for pages and the admin; calls to the API pass it by.

An API call carries a bearer token, so sessions, CSRF, messages and static files are only cost there.
"""

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import DisallowedHost
from django.middleware import clickjacking, csrf, security
from django.shortcuts import render
from whitenoise import middleware as whitenoise

from api.errors import ValidationError

API_PREFIX = "/api/v1/"


class PagesOnly:
    def __call__(self, request):
        if request.path_info.startswith(API_PREFIX):
            return self.get_response(request)
        return super().__call__(request)


class GateMiddleware:
    """Pages are served under the names that are set, and to queries that the database could hold."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path_info.startswith("/api/") and not self._is_fit(request):
            return render(None, "problem.html", {"error": ValidationError([])}, status=400)
        return self.get_response(request)

    @staticmethod
    def _is_fit(request) -> bool:
        try:
            request.get_host()
        except DisallowedHost:
            return False
        return "%00" not in request.META.get("QUERY_STRING", "") and "\0" not in request.path_info


class WhiteNoiseMiddleware(PagesOnly, whitenoise.WhiteNoiseMiddleware):
    pass


class SecurityMiddleware(PagesOnly, security.SecurityMiddleware):
    pass


class SessionMiddleware(PagesOnly, sessions.SessionMiddleware):
    pass


class CsrfViewMiddleware(PagesOnly, csrf.CsrfViewMiddleware):
    pass


class AuthenticationMiddleware(PagesOnly, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(PagesOnly, messages.MessageMiddleware):
    pass


class XFrameOptionsMiddleware(PagesOnly, clickjacking.XFrameOptionsMiddleware):
    pass
