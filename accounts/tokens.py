"""Bearer tokens: a person may have several; each ends by itself, or is revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.base import ModelState
from django.db.models.functions import Least
from django.utils import timezone

from accounts import audit
from accounts.models import Token, User
from api.database import Remembered, acting_as, is_in_transaction, retried_if_lost, row_of


class Found(NamedTuple):
    values: dict[str, Any]
    known: Remembered


_SECRET = re.compile(r"cb_[A-Za-z0-9_-]{43}", re.ASCII)

# A token that ended stays in the admin's list for a while, for whoever asks what happened.
KEPT_AFTER_END = timedelta(days=30)

# What the look-up tells about a person; nothing else is loaded.
_TOLD = ("id", "username", "name", "phone", "avatar_url", "is_active", "is_staff")
_OWNER = f"SELECT {', '.join(_TOLD)}, token_id, stamp, is_in_maintenance FROM accounts_token_owner(%s)"  # noqa: S608

# What this process found last, by digest; the database checks it ahead of everything that is done with it.
_remembered: dict[bytes, Found] = {}
_MOST_REMEMBERED = 20_000


def issue(*, user: User, label: str = "", lifetime: timedelta | None = None) -> tuple[Token, str]:
    """A new token and its secret, which is not kept and cannot be shown again."""
    secret = f"cb_{secrets.token_urlsafe(32)}"
    now = timezone.now()
    token = Token.objects.create(
        user=user,
        digest=_digest(secret),
        label=label,
        created_at=now,
        expires_at=now + (lifetime or settings.TOKEN_LIFETIME),
    )
    return token, secret


def owner(secret: str) -> tuple[User, UUID, bool] | None:
    """Whose token this is, its id, and whether writing is switched off; None unless it is live. One round trip."""
    if not _SECRET.fullmatch(secret):
        return None
    digest = _digest(secret)
    row = retried_if_lost(lambda: row_of(_OWNER, [digest]))
    if row is None:
        _remembered.pop(digest, None)
        return None
    *values, token_id, stamp, is_in_maintenance = row
    found = Found(dict(zip(_TOLD, values, strict=True)), Remembered(token_id, stamp))
    if is_in_maintenance:
        # Or each call would be counted before its check fails: maintenance comes ahead of the limit.
        _remembered.pop(digest, None)
    else:
        _remember(digest, found)
    return _person(found), token_id, is_in_maintenance


def remembered_owner(secret: str) -> tuple[User, UUID] | None:
    """The same as far as this process remembers, without asking: to be believed once `api.database` has checked it.

    Not inside a transaction, which a check that fails would end.
    """
    found = _remembered.get(_digest(secret)) if _SECRET.fullmatch(secret) else None
    if found is None or is_in_transaction():
        return None
    person = _person(found)
    person.remembered = found.known
    return person, found.known.token_id


def sign_out(token_id: UUID, *, by: User) -> None:
    """Ends a token of one's own."""
    with acting_as(by), connection.cursor() as cursor:
        cursor.execute("SELECT accounts_sign_out(%s)", [token_id])
        if cursor.fetchone()[0]:
            audit.record(by=by, action="logout", target=Token(id=token_id))


def revoke(token_id: UUID, *, by: User | None) -> bool:
    """Ends anybody's token; True when it was this call that ended it."""
    return revoke_all(Token.objects.filter(id=token_id), by=by) == 1


@transaction.atomic
def revoke_all(tokens: Any, *, by: User | None) -> int:
    """Ends those of these tokens that were not revoked before, and says how many."""
    ended = list(tokens.filter(revoked_at__isnull=True).order_by("id").select_for_update(of=("self",)))
    Token.objects.filter(id__in=[token.id for token in ended]).update(revoked_at=timezone.now())
    for token in ended:
        audit.record(by=by, action="token_revoked", target=token, user_id=token.user_id)
    return len(ended)


def purge() -> int:
    """Forgets the tokens that ended long ago."""
    ended = Token.objects.annotate(ended_at=Least("expires_at", "revoked_at"))
    removed, _ = ended.filter(ended_at__lt=timezone.now() - KEPT_AFTER_END).delete()
    return removed


def digest_of(secret: str) -> bytes | None:
    """By which a token is found; None for what never was one."""
    return _digest(secret) if _SECRET.fullmatch(secret) else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _person(found: Found) -> User:
    """As User.from_db makes it, for every call anew: nothing that is done with one reaches another's."""
    person = User.__new__(User)
    person.__dict__.update(found.values)
    person._state = ModelState()
    person._state.db, person._state.adding = "default", False
    return person


def _remember(digest: bytes, found: Found) -> None:
    if len(_remembered) >= _MOST_REMEMBERED:
        # All at once: whoever is still there is found again by one look-up.
        _remembered.clear()
    _remembered[digest] = found
