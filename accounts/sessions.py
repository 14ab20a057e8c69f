"""Who is signed in on Callboard's own pages, where an API call comes from one of them.

A session's cookie travels by itself, so it counts only beside something that a page of another site cannot send: the
page's CSRF token, in a header. No call with a bearer token looks at either.
"""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.crypto import constant_time_compare

from accounts.models import User
from api import maintenance
from api.database import as_owner
from api.fields import parse_id

# In the place of a token's id.
SESSION = "session"
HEADER = "HTTP_X_CSRFTOKEN"

_sessions = import_module(settings.SESSION_ENGINE)
_forms = CsrfViewMiddleware(lambda request: None)


def owner(request: HttpRequest) -> tuple[User, str] | None:
    """The person of the page that asks: in this process (`api.inside`), or from a browser."""
    person = getattr(request, "asked_by", None) or _of_browser(request)
    if person is None:
        return None
    request.is_in_maintenance = maintenance.current() is not None
    return person, SESSION


def person(key: str) -> User | None:
    """Whose session this is, as long as they may sign in and have the password that they began it with."""
    kept = _sessions.SessionStore(key)
    user_id = parse_id(kept.get(SESSION_KEY))
    if user_id is None or kept.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    found = User.objects.filter(id=user_id, is_active=True).first()
    if found is None:
        return None
    marks = [found.get_session_auth_hash(), *found.get_session_auth_fallback_hash()]
    return found if any(constant_time_compare(kept.get(HASH_SESSION_KEY, ""), mark) for mark in marks) else None


def end(request: HttpRequest) -> None:
    """The session of a page that asks, for good."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if key:
        with as_owner():
            _sessions.SessionStore(key).flush()


def _of_browser(request: HttpRequest) -> User | None:
    key = request.META.get("HTTP_COOKIE") and request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key or not _is_of_our_page(request):
        return None
    return person(key)


def _is_of_our_page(request: HttpRequest) -> bool:
    """A read needs the header, which no other site's page may add; a write needs the token in it to be ours."""
    if not request.META.get(HEADER) or request.META.get("HTTP_SEC_FETCH_SITE", "same-origin") != "same-origin":
        return False
    _forms.process_request(request)
    # None where it passes; for reads there is nothing more to ask.
    return _forms.process_view(request, _any_view, (), {}) is None


def _any_view(request: HttpRequest) -> None:
    """What a check of forms looks at for an exemption; there is none."""
