"""/metrics: readable as configured and by nobody else, in few series, and as it is documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from api import redis
from config.environment import Misconfigured, networks, read, secret
from messaging import stream_figures
from rollout import figures, levels, metrics

TOKEN = "a-token-of-some-length"
DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture
def scrape(db, settings):
    settings.METRICS_TOKEN = TOKEN

    def ask(token: str | None = TOKEN, **more):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client().get("/metrics", headers={**headers, **more.pop("headers", {})}, **more)

    return ask


def test_it_is_nowhere_where_nothing_is_configured(db):
    found, nowhere = Client().get("/metrics"), Client().get("/metricsx")
    assert (found.status_code, nowhere.status_code) == (404, 404)
    assert found.content == nowhere.content


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN.upper()])
def test_a_wrong_token_finds_nothing(scrape, token):
    assert scrape(token).status_code == 404


def test_the_token_reads_it_under_any_host(scrape):
    found = scrape(headers={"Host": "10.1.2.3:8000"})
    assert found.status_code == 200
    assert found["Content-Type"].startswith("text/plain; version=")
    assert found["Cache-Control"] == "no-store"


def test_addresses_read_it_and_no_others(db, settings):
    settings.METRICS_FROM = networks("10.0.0.0/8, ::1")
    for address, status in (("10.1.2.3", 200), ("::1", 200), ("192.0.2.1", 404), ("", 404)):
        assert Client().get("/metrics", REMOTE_ADDR=address).status_code == status, address


def test_an_address_that_a_client_names_is_not_believed(db, settings):
    settings.METRICS_FROM, settings.REAL_IP_HEADER = networks("10.0.0.0/8"), ""
    asked = Client().get("/metrics", REMOTE_ADDR="192.0.2.1", headers={"X-Real-IP": "10.1.2.3"})
    assert asked.status_code == 404
    settings.REAL_IP_HEADER = "X-Real-IP"
    asked = Client().get("/metrics", REMOTE_ADDR="10.1.2.3", headers={"X-Real-IP": "192.0.2.1"})
    assert asked.status_code == 404


def test_both_are_asked_where_both_are_set(scrape, settings):
    settings.METRICS_FROM = networks("10.0.0.0/8")
    assert scrape(REMOTE_ADDR="10.1.2.3").status_code == 200
    assert scrape(REMOTE_ADDR="192.0.2.1").status_code == 404
    assert scrape(None, REMOTE_ADDR="10.1.2.3").status_code == 404


def test_only_reading(scrape):
    assert Client().post("/metrics").status_code == 405


@pytest.mark.parametrize(("name", "value", "convert"), [("A", "short", secret), ("B", "10.0.0.1/8", networks)])
def test_nonsense_stops_the_start(monkeypatch, name, value, convert):
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name):
        read(name, convert, None)


def families(found) -> dict:
    return {family.name: family for family in text_string_to_metric_families(found.content.decode())}


def test_prometheus_own_parser_reads_all_of_it(scrape, cast, api):
    api(cast.attendee).get(f"/events/{cast.event.id}/feed")
    stream_figures.connections.set(7)
    levels.send()
    found = families(scrape())
    assert set(found) >= {f"callboard_{figure.name}" for figure in figures.registered()}
    assert found["callboard_stream_connections"].samples[0].value == 7
    asked = [
        sample.value
        for sample in found["callboard_http_requests"].samples
        if sample.labels["route"] == "/api/v1/events/{event_id}/feed"
    ]
    assert asked
    assert min(asked) >= 1
    buckets = [one.labels["le"] for one in found["callboard_http_request_seconds"].samples if "le" in one.labels]
    assert "+Inf" in buckets


def test_openmetrics_is_told_to_who_asks_for_it(scrape):
    found = scrape(headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert found["Content-Type"].startswith("application/openmetrics-text")
    assert found.content.endswith(b"# EOF\n")


def test_with_redis_away_it_tells_what_the_database_knows(scrape, monkeypatch):
    def away(*_, **__):
        raise redis.RedisError

    monkeypatch.setattr(figures, "_sums_of", away)
    monkeypatch.setattr(levels, "_standing", away)
    found = families(scrape())
    assert found["callboard_counters_readable"].samples[0].value == 0
    assert found["callboard_database_connections"].samples
    assert "callboard_http_requests" not in found


# --- What may stand in it --------------------------------------------------------------------------

# More than enough for what there is, and little for Prometheus.
MOST_SERIES_OF_ALL = 100_000
NAMED = {"method", "route", "status", "model", "outcome", "type", "source", "found", "flag", "state", "reason", "code",
         "heard", "kind", "upto", "version", "task", "queue", "of", "role", "phase", "alarm", "call"}  # fmt: skip


def test_every_label_takes_declared_values_of_a_known_kind():
    for figure in figures.registered():
        assert set(figure.labels) <= NAMED, figure.name
        for values in figure.labels.values():
            assert len(values) == len(set(values)), figure.name
            assert not any("|" in value for value in values), figure.name


def test_series_are_bounded():
    for figure in figures.registered():
        sizes = [len(values) + 1 for values in figure.labels.values()]
        assert figures.prod(sizes) <= figure.most_series, figure.name
    assert sum(figure.most_series for figure in figures.registered()) <= MOST_SERIES_OF_ALL


def test_the_document_names_all_of_them():
    text = DOCUMENT.read_text()
    missing = [row for row in metrics.table() if row not in text]
    assert missing == [], "\n".join(missing)
    assert text.count("| `callboard_") == len(metrics.table()) + len(metrics.OF_THE_PAGE)
