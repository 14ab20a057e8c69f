from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Bridge(models.Model):
    """The one row that says how far the old tables have been left behind, and where a step that was broken off goes on.

    None at all stands for a bridge that was never attached. The old tables and what the bridge keeps beside them have
    no models: nobody but the database reads them.
    """

    class State(models.TextChoices):
        DETACHED = "detached"
        ATTACHED = "attached"
        BACKFILLED = "backfilled"
        VERIFIED = "verified"
        CUT_OVER = "cut_over"
        RETIRED = "retired"

    id = models.SmallIntegerField(primary_key=True, default=1)
    state = models.CharField(max_length=10, choices=State, default=State.DETACHED)
    event_id = models.UUIDField(null=True)
    changed_at = models.DateTimeField(db_default=Now())
    # When both sides were last known to go apart: what one lacks from before was deleted there.
    detached_at = models.DateTimeField(null=True)
    # The backfill: what it is at, behind which id it goes on, how many rows it has looked at, and of how many.
    phase = models.CharField(max_length=15, blank=True, default="")
    upto = models.UUIDField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    # The same of the comparison, and what it has found.
    verify_phase = models.CharField(max_length=15, blank=True, default="")
    verified_upto = models.UUIDField(null=True)
    compared = models.BigIntegerField(default=0)
    differences = models.BigIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="bridge_is_one_row"),
            models.CheckConstraint(
                condition=Q(state__in=["detached", "attached", "backfilled", "verified", "cut_over", "retired"]),
                name="bridge_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="detached") | Q(event_id__isnull=False), name="bridge_has_an_event"
            ),
        ]
