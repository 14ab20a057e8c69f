"""Django's own middleware for pages and the admin; calls to the API pass it by.

An API call carries a bearer token, so sessions, CSRF, messages and static files are only cost there.
"""

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import DisallowedHost
from django.middleware import clickjacking, csrf, locale, security
from django.shortcuts import render
from django.utils import translation
from whitenoise import middleware as whitenoise

from api.database import note_position
from api.errors import ValidationError

API_PREFIX = "/api/v1/"
ADMIN_PREFIX = "/admin"

# Only what we bring ourselves; nothing within a page is run or styled. Avatars are letters: no other site hears who
# reads what.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# The reader of the API's document styles itself, and searches in a worker.
READER_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self'", "img-src 'self' data:; worker-src blob:"
)


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
        # Prometheus asks by address.
        is_page = not request.path_info.startswith("/api/") and request.path_info != "/metrics"
        if is_page and not self._is_fit(request):
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


class PolicyMiddleware:
    """What a page may load and run; the admin's pages are Django's, with a policy of their own."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if not request.path_info.startswith((API_PREFIX, ADMIN_PREFIX)):
            policy = READER_POLICY if request.path_info == "/api/docs" else POLICY
            response.headers.setdefault("Content-Security-Policy", policy)
        return response


class LocaleMiddleware(PagesOnly, locale.LocaleMiddleware):
    """A thread serves pages and calls in turn: a page's language ends with it."""

    def __call__(self, request):
        if request.path_info.startswith(ADMIN_PREFIX):
            return self.get_response(request)
        with translation.override(settings.LANGUAGE_CODE, deactivate=True):
            return super().__call__(request)


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


class PositionMiddleware:
    """Where reads go to a copy of the database: what was done on a page, no call is answered from before it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.method not in ("GET", "HEAD", "OPTIONS") and not request.path_info.startswith(API_PREFIX):
            note_position()
        return response
