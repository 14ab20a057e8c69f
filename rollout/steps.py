"""When more people were last let in: a flag that was turned up, or a swap to v2. The audit knows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import AuditEntry
from rollout.models import LiveModel

LOOKED_BACK = timedelta(days=2)
_ACTION = "flag_changed"


def last_forward() -> datetime | None:
    """Of the last days; by auditentry_action_at."""
    since = timezone.now() - LOOKED_BACK
    turned = AuditEntry.objects.filter(action=_ACTION, at__gte=since).order_by("-at", "-id")
    found = [entry.at for entry in turned[:100] if _lets_in_more(entry.data)][:1]
    swap = LiveModel.objects.filter(live=LiveModel.Name.V2, swapped_at__gte=since).values_list("swapped_at", flat=True)
    return max([*found, *swap], default=None)


def _lets_in_more(data: dict) -> bool:
    if "everyone" in data and data["everyone"][1] is True:
        return True
    if "percent" in data and float(data["percent"][1]) > float(data["percent"][0]):
        return True
    return any(name.endswith("_added") for name in data) or data.get("authenticated", [None, False])[1] is True
