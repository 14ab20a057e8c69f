"""How many mismatches are put up with before no more people are let in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import DateTimeField, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts import audit
from accounts.models import User
from rollout import alerts, read_models
from rollout.models import Comparison, LiveModel, Sampling

COUNTED = timedelta(hours=24)


class Standing(NamedTuple):
    mismatches: int
    budget: int
    since: datetime

    @property
    def is_spent(self) -> bool:
        return self.mismatches > self.budget


def standing() -> Standing:
    return overview()[1]


def overview() -> tuple[Sampling, Standing, str]:
    """The settings, what of them is spent, and which read model is live: in one question."""
    day_ago = timezone.now() - COUNTED
    since = Greatest(OuterRef("counted_from"), Value(day_ago, output_field=DateTimeField()))
    counted = Comparison.objects.filter(at__gte=since, mismatches__gt=0).order_by().values(all=Value(1))
    total = Subquery(counted.annotate(total=Sum("mismatches")).values("total"))
    live = Subquery(LiveModel.objects.values("live")[:1])
    asked = Sampling.objects.annotate(total=total, live=live)
    sampling = asked.first()
    if sampling is None:
        settings()
        sampling = asked.get()
    spent = Standing(sampling.total or 0, sampling.budget, max(sampling.counted_from, day_ago))
    return sampling, spent, sampling.live or read_models.V1


def against_raising() -> str | None:
    """Why nobody else may come to v2 now; the guard of the flag that lets them."""
    found = standing()
    if not found.is_spent:
        return None
    return (
        f"{found.mismatches} messages that v1 has were missing from v2 since {found.since:%Y-%m-%d %H:%M} UTC, and"
        f" {found.budget} are put up with. Look into them on the page of comparisons; once their cause is mended,"
        " start counting afresh there."
    )


def probe() -> alerts.Finding:
    found = standing()
    words = f"{found.mismatches} mismatches, {found.budget} are put up with"
    return alerts.firing(words) if found.is_spent else alerts.ok(words)


def settings() -> Sampling:
    return Sampling.objects.first() or Sampling.objects.get_or_create(is_only=True)[0]


@transaction.atomic
def change(*, by: User | None, **values) -> Sampling:
    """Sets `share` and `budget`."""
    sampling = _locked()
    before = {field: getattr(sampling, field) for field in values}
    for field, value in values.items():
        setattr(sampling, field, value)
    sampling.full_clean()
    sampling.save(update_fields=list(values))
    changed = {field: [str(before[field]), str(getattr(sampling, field))] for field in values}
    audit.record(by=by, action="sampling_changed", target=sampling, **changed)
    return sampling


@transaction.atomic
def count_afresh(*, by: User | None) -> None:
    """From now on: what was counted so far had a cause that is mended."""
    sampling = _locked()
    sampling.counted_from = timezone.now()
    sampling.save(update_fields=["counted_from"])
    audit.record(by=by, action="mismatches_counted_afresh", target=sampling)


def _locked() -> Sampling:
    settings()
    return Sampling.objects.select_for_update().get()
