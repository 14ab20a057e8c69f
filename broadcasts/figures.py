"""What is counted of broadcasts: where they go, how many people they reach, and what is used of quotas."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count

from broadcasts.models import Broadcast, Phase
from rollout import figures

moves = figures.counter("broadcasts_moved", "Broadcasts by where they went.", {"status": Broadcast.Status.values})
deliveries = figures.counter("broadcast_deliveries", "Deliveries that fan-outs wrote.")
faults = figures.counter("broadcast_faults", "Tries to publish or fan out that failed, and are made again.")
units = figures.counter(
    "quota_units",
    "Units of the quota: taken, refused because none was left, given back.",
    {
        "role": list(settings.BROADCAST_QUOTAS),
        "phase": Phase.values,
        "outcome": ("taken", "refused", "refunded"),
    },
)

WAITING = (Broadcast.Status.SCHEDULED.value, Broadcast.Status.PUBLISHING.value)


def count_waiting() -> dict[tuple[str], float]:
    """By broadcast_due and broadcast_publishing."""
    found = dict(Broadcast.objects.filter(status__in=WAITING).order_by().values_list("status").annotate(Count("id")))
    return {(status,): float(found.get(status, 0)) for status in WAITING}


figures.gauge("broadcasts_waiting", "Broadcasts that are not out yet.", count_waiting, {"status": WAITING})
