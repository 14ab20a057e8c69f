from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication

from accounts import sessions, tokens
from accounts.models import User


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; the person comes with what the look-up tells, the rest is not loaded.

    A call without that header may come from a page of ours, where a session says who it is.
    """

    def authenticate(self, request: HttpRequest) -> tuple[User, UUID | str] | None:
        if "HTTP_AUTHORIZATION" not in request.META:
            return sessions.owner(request)
        found = (secret := _secret(request)) and tokens.owner(secret)
        if not found:
            return None
        user, token_id, request.is_in_maintenance = found
        return user, token_id

    def remember(self, request: HttpRequest) -> tuple[User, UUID] | None:
        """Without asking; what is done with the person checks it."""
        found = (secret := _secret(request)) and tokens.remembered_owner(secret)
        # Nothing is remembered in maintenance, and the check fails in it.
        request.is_in_maintenance = False
        return found or None

    def authenticate_header(self, request: HttpRequest) -> str:
        return "Bearer"


def _secret(request: HttpRequest) -> str | None:
    scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret.strip(" ") if scheme.lower() == "bearer" else None
