"""How long comparisons are kept. Each run takes away what is over, in batches; running twice does no harm."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from rollout.models import Comparison

KEPT = timedelta(days=30)
BATCH = 5000


def purge() -> int:
    over, gone = timezone.now() - KEPT, 0
    while batch := list(Comparison.objects.filter(at__lt=over).order_by("at").values_list("id", flat=True)[:BATCH]):
        gone += Comparison.objects.filter(id__in=batch).delete()[0]
    return gone
