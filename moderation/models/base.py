"""What the models of moderation share: the words that are stored, and constraints that recur."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from messaging.models import MOST_CHARACTERS

REASONS = ("spam", "harassment", "hate", "scam", "sexual", "violence", "other")
OUTCOMES = ("actioned", "dismissed")
ACTIONS = ("remove_message", "restore_message", "warn", "mute", "suspend", "remove_member", "revoke_reporting")
# Those that stay with a person, and the fewer of these that end.
SANCTIONS = ("warn", "mute", "suspend", "remove_member", "revoke_reporting")
TIMED = ("mute", "suspend")


def person(**options) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, **options
    )


def is_known(field: str, values: tuple[str, ...], name: str, **also) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": list(values)}, **also), name=name)


def length(field: str, least: int, name: str) -> models.CheckConstraint:
    counted = models.functions.Length(field)
    return models.CheckConstraint(
        condition=models.lookups.GreaterThanOrEqual(counted, least)
        & models.lookups.LessThanOrEqual(counted, MOST_CHARACTERS),
        name=name,
    )
