"""Signing in with a password. Whoever guesses learns nothing but that it was wrong.

An unknown name, a wrong password and a person who may not sign in give the same answer after the same work:
one count and one verification.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from django.contrib.auth.hashers import check_password, get_hasher
from django.db import transaction

from accounts import audit, names, phones, tokens
from accounts.models import Token, User
from api import limits
from api.errors import NotAuthenticated

WRONG = "Username or phone and password do not belong together."


Counted = Callable[[limits.Allowance | None], None]


def login(
    *, identifier: str, password: str, address: str, counted: Counted = lambda left: None
) -> tuple[User, Token, str]:
    """Signs in by username or phone: the person, a new token and its secret."""
    user = verified(identifier=identifier, password=password, address=address, counted=counted)
    with transaction.atomic():
        # Whoever was switched off or got another password while this one was verified stays outside.
        unchanged = User.objects.filter(id=user.id, password=user.password, is_active=True)
        if not unchanged.select_for_update(no_key=True).exists():
            raise NotAuthenticated(WRONG)
        token, secret = tokens.issue(user=user, label="login")
        audit.record(by=user, action="login", target=token)
    return user, token, secret


def verified(*, identifier: str, password: str, address: str, counted: Counted = lambda left: None) -> User:
    """The person to whom both belong; refused when there were too many attempts. `counted` is told what is left."""
    column, value = _meant(_encodable(identifier))
    user = User.objects.filter(**{column: value}).first() if column else None
    counted(limits.count_login(str(user.id) if user else f"{column}:{value}", address))
    may_sign_in = user is not None and user.is_active and user.has_usable_password()
    given = _encodable(password)
    # One verification in every case.
    is_right = user.check_password(given) if may_sign_in else check_password(given, _nobodys_hash())
    if not (may_sign_in and is_right):
        raise NotAuthenticated(WRONG)
    return user


def _meant(identifier: str) -> tuple[str, str]:
    """The column and value to look for. No username is a phone; what is neither is looked for nowhere."""
    if names.is_username(identifier):
        return "username", identifier
    try:
        return "phone", phones.normalized(identifier)
    except ValueError:
        return "", identifier


def _encodable(raw: str) -> str:
    """Half characters have no UTF-8 form; written out, they are merely wrong."""
    return raw.encode("utf-8", "backslashreplace").decode()


def _nobodys_hash() -> str:
    """An encoded password that none matches, which costs as much to verify as one that was set now."""
    hasher = get_hasher()
    cost = hasher.params()
    salt, digest = (base64.b64encode(part).decode().rstrip("=") for part in (b"salt" * 5 + b"ed", bytes(cost.hash_len)))
    costs = f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
    return f"{hasher.algorithm}$argon2id$v={cost.version}${costs}${salt}${digest}"
