"""How long comparisons, readings and alarms that are over are kept. Each run takes away what is over, in batches;
running twice does no harm."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from rollout.models import Alarm, Comparison, Reading

KEPT = timedelta(days=30)
READINGS_KEPT = timedelta(days=7)
ALARMS_KEPT = timedelta(days=400)
BATCH = 5000


def purge() -> int:
    over, gone = timezone.now() - KEPT, 0
    while batch := list(Comparison.objects.filter(at__lt=over).order_by("at").values_list("id", flat=True)[:BATCH]):
        gone += Comparison.objects.filter(id__in=batch).delete()[0]
    return gone


def purge_alarms() -> int:
    """Readings a few hours' worth at a time, so that no statement takes long; alarms are few."""
    over, gone = timezone.now() - READINGS_KEPT, 0
    old = Reading.objects.filter(at__lt=over).order_by("at").values_list("at", flat=True)
    while (first := old.first()) is not None:
        gone += Reading.objects.filter(at__lt=min(first + timedelta(hours=2), over)).delete()[0]
    return gone + Alarm.objects.filter(resolved_at__lt=timezone.now() - ALARMS_KEPT).delete()[0]
