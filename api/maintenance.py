"""Switching all writing off and on again, for every process at once."""

from __future__ import annotations

from django.utils import timezone

from api.models import Maintenance


def switch_on() -> bool:
    """True when this call switched it on; it may have been on already."""
    _, is_new = Maintenance.objects.get_or_create(id=1, defaults={"since": timezone.now()})
    return is_new


def switch_off() -> bool:
    removed, _ = Maintenance.objects.all().delete()
    return removed > 0


def current() -> Maintenance | None:
    return Maintenance.objects.first()
