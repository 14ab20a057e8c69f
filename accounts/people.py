"""What happens around a person's account."""

from __future__ import annotations

from django.db import transaction

from accounts import audit, tokens
from accounts.models import User


@transaction.atomic
def password_changed(user: User, *, by: User) -> None:
    """Whoever had the old password, or a token got with it, is out."""
    tokens.revoke_all(user.tokens.all(), by=by)
    audit.record(by=by, action="password_changed", target=user)
