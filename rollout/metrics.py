"""All figures as Prometheus reads them. They are ours (see docs/decisions.md); how they are written is its client's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from ipaddress import ip_address
from time import time

from django.conf import settings
from django.http import HttpRequest
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api import redis
from api.requests import client_address
from rollout import figures
from rollout.figures import PREFIX, Figure, Sample

_FAMILIES = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
# About the answer itself.
OF_THE_PAGE = {"counters_readable": "0 with Redis away.", "scrape_seconds": "How long all of this took."}


class _House(Collector):
    def collect(self) -> Iterator[Metric]:
        began = time()
        try:
            found, is_whole = figures.read(), True
        except redis.RedisError:
            # Counters are there; what the database tells can be told.
            found, is_whole = figures.read_gauges(), False
        for figure, samples in found:
            yield _family(figure, samples)
        for (name, words), value in zip(OF_THE_PAGE.items(), (float(is_whole), time() - began), strict=True):
            yield GaugeMetricFamily(PREFIX + name, words, value=value)


def _family(figure: Figure, samples: list[Sample]) -> Metric:
    family = _FAMILIES[figure.kind](PREFIX + figure.name, figure.help_text, labels=[])
    ending = "_total" if figure.kind == "counter" else ""
    for sample in samples:
        family.add_sample(family.name + (sample.suffix or ending), sample.labels, sample.value)
    return family


_registry = CollectorRegistry(auto_describe=False)
_registry.register(_House())


def text(accept: str = "") -> tuple[bytes, str]:
    """And the type of what it is: whoever asks may take OpenMetrics."""
    encode, kind = choose_encoder(accept)
    return encode(_registry), kind


def may_read(request: HttpRequest) -> bool:
    """Nobody, where neither a token nor addresses are set; both where both are."""
    asked = []
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        asked.append(secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()))
    if settings.METRICS_FROM:
        asked.append(_is_from(client_address(request)))
    return bool(asked) and all(asked)


def _is_from(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        # A socket of this machine has none.
        return False
    return any(found in network for network in settings.METRICS_FROM)


def table() -> list[str]:
    """The rows of docs/metrics.md."""
    return [
        f"| `{PREFIX}{figure.name}{'_total' if figure.kind == 'counter' else ''}` | {figure.kind} |"
        f" {_labels(figure)} | {figure.help_text} |"
        for figure in sorted(figures.registered(), key=lambda figure: figure.name)
    ]


MOST_VALUES_NAMED = 8


def _labels(figure: Figure) -> str:
    return "; ".join(
        f"`{label}`: {figure.described(label) or _named(values)}" for label, values in figure.labels.items()
    )


def _named(values: tuple[str, ...]) -> str:
    shown = ", ".join(values[:MOST_VALUES_NAMED])
    return shown if len(values) <= MOST_VALUES_NAMED else f"{shown}, … ({len(values)})"
