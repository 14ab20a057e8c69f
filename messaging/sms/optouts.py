"""Phones that get no texts. A row names no person: it holds for whoever has the phone, and longer than any account.

A phone's lock orders what is written here against calls that begin: what has committed is seen by all that begin later.
"""

from __future__ import annotations

import re

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.models import User
from api.database import as_owner
from messaging.sms.models import OptOut

Cause = OptOut.Cause
# What a phone or its provider says stands above what staff enter, and either above what a call has shown.
_RANK = {Cause.UNUSABLE: 0, Cause.STAFF: 1, Cause.PROVIDER: 2, Cause.STOP: 2}
_PHONE = re.compile(r"[+][1-9][0-9]{4,14}", re.ASCII)


def close(phone: str, cause: str) -> bool:
    """No more texts to this phone; True where that is news. What somebody asked for stays the reason."""
    if not _PHONE.fullmatch(phone):
        return False  # a sender with a name, or of another network: no text of ours goes there
    with transaction.atomic(), as_owner():
        _lock(phone)
        standing = OptOut.objects.filter(phone=phone, lifted_at=None).first()
        if standing and _RANK[standing.cause] >= _RANK[cause]:
            return False
        # By the database's clock, which all that write here share.
        values = {"cause": cause, "since": Now(), "lifted_at": None}
        OptOut.objects.update_or_create(phone=phone, defaults=values)
        return True


def lift(phone: str) -> bool:
    """Texts again, as whoever has the phone asks for."""
    with transaction.atomic(), as_owner():
        _lock(phone)
        return bool(OptOut.objects.filter(phone=phone, lifted_at=None).update(lifted_at=Now()))


@transaction.atomic
def close_by_staff(phone: str, *, by: User) -> bool:
    is_new = close(phone, Cause.STAFF)
    if is_new:
        audit.record(by=by, action="texts_stopped", target=OptOut.objects.get(phone=phone))
    return is_new


@transaction.atomic
def lift_by_staff(phone: str, *, by: User) -> bool:
    """Only what staff entered, or what the phone itself is said to be: nobody takes back another's STOP."""
    mine = OptOut.objects.filter(phone=phone, lifted_at=None, cause__in=[Cause.STAFF, Cause.UNUSABLE])
    if not mine.exists() or not lift(phone):
        return False
    audit.record(by=by, action="texts_resumed", target=OptOut.objects.get(phone=phone))
    return True


def _lock(phone: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('callboard:phone:' || %s, 0))", [phone])
