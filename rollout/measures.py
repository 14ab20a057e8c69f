"""Rollout's own figures: how far it has come, and how well both read models agree."""

from __future__ import annotations

from rollout import figures, names, read_models, trend
from rollout.models import Flag

compared = figures.counter(
    "read_model_messages_compared",
    "Messages of compared feeds: in both models, missing from v2, missing as role or tags explain, or only in v2.",
    {"found": ("in_both", "mismatch", "explained", "only_v2")},
)


def shares() -> dict[tuple[str, ...], float]:
    """What each flag lets in; on or off for everyone counts as 100 and 0."""
    known = Flag.objects.filter(name__in=names.ALL)
    return {(flag.name,): float(flag.percent if flag.everyone is None else 100 * flag.everyone) for flag in known}


def live() -> dict[tuple[str, ...], float]:
    return {(model,): float(model == read_models.live()) for model in ("v1", "v2")}


def agreement() -> dict[tuple[str, ...], float]:
    """Nothing where nothing was compared: no agreement is not a bad one."""
    found = trend.of_last_day().whole.agreement
    return {} if found is None else {(): found}


figures.gauge("flag_share_percent", "How many of an event's people have a flag.", shares, {"flag": names.ALL})
figures.gauge("live_read_model", "1 for the read model that is live.", live, {"model": ("v1", "v2")})
figures.gauge("read_model_agreement_percent", "Of the messages both should show, those that both do, 24 h.", agreement)
