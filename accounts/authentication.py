from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication

from accounts import tokens
from accounts.models import User


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; the person comes with what the look-up tells, the rest is not loaded."""

    def authenticate(self, request: HttpRequest) -> tuple[User, UUID] | None:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        found = tokens.owner(secret.strip(" "))
        if found is None:
            return None
        user, token_id, request.is_in_maintenance = found
        return user, token_id

    def authenticate_header(self, request: HttpRequest) -> str:
        return "Bearer"
