"""The second factor at the console's door: set up, asked for, and taken away by whoever may."""

from __future__ import annotations

import hashlib
import re
import secrets
import time

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit, console_sessions, totp
from accounts.models import RecoveryCode, SecondFactor, User
from api import limits
from api.errors import NotAuthenticated

CODES = 10
PASSED = "second_factor_of"
WRONG = "This code does not fit, or was used before."
# Without letters and digits that are mistaken for each other.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_NOT_OF_A_CODE = re.compile(r"[^a-z0-9]")


def is_required() -> bool:
    return settings.SECOND_FACTOR


def is_asked_of(request: HttpRequest) -> bool:
    return is_required() and request.session.get(PASSED) != str(request.user.pk)


def pass_on(request: HttpRequest) -> None:
    """This session has shown it. With a new key, so that one known before is worth nothing."""
    request.session.cycle_key()
    request.session[PASSED] = str(request.user.pk)
    # From now on it can be ended.
    console_sessions.note(request)


def confirmed(user: User) -> SecondFactor | None:
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


@transaction.atomic
def begin(user: User) -> SecondFactor:
    """The key that waits for its first code: the same until then, so that a page that is loaded again shows it."""
    factor, _ = SecondFactor.objects.get_or_create(user=user, defaults={"key": totp.new_key()})
    return factor


def confirm(user: User, given: str, *, address: str) -> list[str]:
    """The first code of a new authenticator; answers with the recovery codes, which are shown once."""
    _count(user, address)
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at=None).first()
        if factor is None or not _take(factor, given):
            raise NotAuthenticated(WRONG)
        factor.confirmed_at = timezone.now()
        factor.save(update_fields=["confirmed_at"])
        audit.record(by=user, action="second_factor_set", target=user)
        return _new_codes(user)


def verify(user: User, given: str, *, address: str) -> None:
    """A code of the authenticator, or one for recovery; each counts once."""
    _count(user, address)
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).first()
        if factor is None:
            raise NotAuthenticated(WRONG)
        if _take(factor, given):
            audit.record(by=user, action="second_factor_passed", target=user)
        elif _use_code(user, given):
            audit.record(by=user, action="recovery_code_used", target=user)
        else:
            raise NotAuthenticated(WRONG)


def replace_codes(user: User, given: str, *, address: str) -> list[str]:
    """New ones for those there were; with a code, as somebody may have left a console open."""
    verify(user, given, address=address)
    with transaction.atomic():
        audit.record(by=user, action="recovery_codes_replaced", target=user)
        return _new_codes(user)


@transaction.atomic
def reset(user: User, *, by: User | None) -> bool:
    """Next time they set up another; until then their sessions in the console are over."""
    there_was, _ = SecondFactor.objects.filter(user=user).delete()
    if not there_was:
        return False
    RecoveryCode.objects.filter(user=user).delete()
    audit.record(by=by, action="second_factor_reset", target=user)
    console_sessions.end_all(user, by=by)
    return True


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def _count(user: User, address: str) -> None:
    """Like the attempts at the password, by the same limits; and by the day."""
    limits.count_login(f"factor:{user.id}", f"factor:{address}")
    limits.count_code(str(user.id))


def _take(factor: SecondFactor, given: str) -> bool:
    digits = "".join(given.split())
    if not (digits.isascii() and digits.isdigit()):
        return False
    step = totp.step_of(digits, bytes(factor.key), now=time.time(), after=factor.last_step)
    if step is None:
        return False
    factor.last_step = step
    factor.save(update_fields=["last_step"])
    return True


def _use_code(user: User, given: str) -> bool:
    unused = RecoveryCode.objects.filter(user=user, digest=_digest(given), used_at=None)
    return unused.update(used_at=timezone.now()) == 1


def _new_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = ["-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3)) for _ in range(CODES)]
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, digest=_digest(code)) for code in codes])
    return codes


def _digest(given: str) -> bytes:
    return hashlib.sha256(_NOT_OF_A_CODE.sub("", given.lower()).encode()).digest()
