"""Who is asking, for a process that answers many at once: tokens and sessions looked up together, and looked after as
long as a connection lasts that was opened with them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from accounts import tokens
from accounts.models import User
from api.database import Statement

_OWNERS = """
SELECT asked.digest, owner.id::text AS person, owner.token_id::text AS token
FROM unnest(%s::bytea[]) AS asked (digest) CROSS JOIN LATERAL accounts_token_owner(asked.digest) owner
"""
# By primary keys. What is not live any more: revoked, expired, or of somebody who was switched off.
_ENDED_TOKENS = """
SELECT asked.id::text AS key FROM unnest(%s::uuid[]) AS asked (id)
WHERE NOT EXISTS (
    SELECT FROM accounts_token token JOIN accounts_user person ON person.id = token.user_id
    WHERE token.id = asked.id AND token.revoked_at IS NULL AND token.expires_at > statement_timestamp()
      AND person.is_active
)
"""
_SESSIONS = """
SELECT session_key AS key, session_data AS data FROM django_session
WHERE session_key = ANY (%s) AND expire_date > statement_timestamp()
"""
_PEOPLE = "SELECT id::text, password, is_active FROM accounts_user WHERE id = ANY (%s::uuid[])"
# A session ends when it is signed out of, in time, with another password, and with its person.
_ENDED_SESSIONS = """
SELECT asked.key FROM unnest(%s::text[], %s::uuid[], %s::text[]) AS asked (key, person, password)
WHERE NOT EXISTS (
    SELECT FROM django_session session
    WHERE session.session_key = asked.key AND session.expire_date > statement_timestamp()
) OR NOT EXISTS (
    SELECT FROM accounts_user person
    WHERE person.id = asked.person AND person.is_active AND md5(person.password) = asked.password
)
"""


class Credential(NamedTuple):
    person: str
    # A token's id, or a session's key with a mark of the password that it goes by.
    token: str | None = None
    session: str | None = None
    password: str | None = None


def digest_of(header: str) -> bytes | None:
    """Of the token in an Authorization header; None where there is none that could be ours."""
    scheme, _, secret = header.partition(" ")
    return tokens.digest_of(secret.strip(" ")) if scheme.lower() == "bearer" else None


def owners(digests: Collection[bytes]) -> Statement:
    return _OWNERS, [list(digests)]


def of_tokens(rows: Sequence[Any]) -> dict[bytes, Credential]:
    return {bytes(row.digest): Credential(row.person, token=row.token) for row in rows}


def sessions(keys: Collection[str]) -> Statement:
    return _SESSIONS, [list(keys)]


def read_sessions(rows: Sequence[Any]) -> dict[str, dict]:
    """What each says, by its key; of those in which somebody is signed in."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    said = {row.key: store.decode(row.data) for row in rows}
    return {
        key: session
        for key, session in said.items()
        if session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS and SESSION_KEY in session
    }


def people(sessions_read: dict[str, dict]) -> Statement:
    return _PEOPLE, [list({session[SESSION_KEY] for session in sessions_read.values()})]


def of_sessions(sessions_read: dict[str, dict], rows: Sequence[Any]) -> dict[str, Credential]:
    """As django.contrib.auth believes a session: while its person may sign in, with the password of then."""
    known = {row.id: row for row in rows if row.is_active}
    found = {}
    for key, session in sessions_read.items():
        row = known.get(session[SESSION_KEY])
        if row and _goes_by(session.get(HASH_SESSION_KEY, ""), row.password):
            found[key] = Credential(row.id, session=key, password=_mark(row.password))
    return found


def ended(credentials: Collection[Credential]) -> list[Statement]:
    """Those that hold no more, by token or key."""
    by_session = [one for one in credentials if one.session]
    return [
        (_ENDED_TOKENS, [[one.token for one in credentials if one.token]]),
        (
            _ENDED_SESSIONS,
            [
                [one.session for one in by_session],
                [one.person for one in by_session],
                [one.password for one in by_session],
            ],
        ),
    ]


def _goes_by(given: str, password: str) -> bool:
    user = User(password=password)
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(given, one) for one in hashes)


def _mark(password: str) -> str:
    """As PostgreSQL makes it too: what is compared is a hash already."""
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
