"""Every request is counted by its route, in few series, whatever it was asked for."""

from __future__ import annotations

import time

import pytest
from django.http.response import ResponseHeaders
from django.test import Client

from api.requests import Answered
from rollout import figures, traffic


def answered(status: int, headers: dict[str, str] | None = None) -> Answered:
    return Answered(
        at=0.0,
        method="GET",
        route=None,
        status=status,
        headers=ResponseHeaders(headers or {}),
        seconds=0.01,
        user_id=None,
        event_id=None,
        has_key=False,
        version=None,
        ids=None,
    )


def counted(**labels) -> float:
    return figures.value("http_requests", **labels)


def test_requests_count_by_method_route_and_status(cast, api):
    route = "/api/v1/events/{event_id}/members"
    before = counted(method="GET", route=route, status="200")
    api(cast.attendee).get(f"/events/{cast.event.id}/members")
    api(cast.organizer).get(f"/events/{cast.event.id}/members")
    assert counted(method="GET", route=route, status="200") - before == 2
    assert figures.value("http_request_seconds", "_count", method="GET", route=route) >= 2


def test_what_is_nowhere_counts_as_other_and_makes_no_series(db):
    before = counted(method="GET", route="other", status="404")
    for number in range(5):
        Client().get(f"/+4915112345678/{number}")
    assert counted(method="GET", route="other", status="404") - before == 5
    known = {values for (name, _, values) in figures._sums._waiting if name == "http_requests"}
    assert not [values for values in known if any("4915" in value for value in values)]


def test_the_admins_pages_are_one_route(db):
    assert [route for route in traffic.routes() if "admin" in route] == ["/admin", "/admin/"]


def test_routes_are_as_the_document_writes_them():
    from drf_spectacular.generators import SchemaGenerator

    documented = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert set(documented) <= set(traffic.routes())


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (201, {}, "done"),
        (201, {"Idempotency-Replayed": "true"}, "replayed"),
        (400, {}, "refused"),
        (403, {}, "refused"),
        (409, {}, "exists"),
        (409, {"Retry-After": "1"}, "refused"),
        (429, {}, "unserved"),
        (503, {}, "unserved"),
        (500, {}, "failed"),
    ],
)
def test_an_attempt_came_to_one_outcome(status, headers, outcome):
    assert traffic.outcome(answered(status=status, headers=headers)) == outcome
    assert outcome in traffic.OUTCOMES


def test_starts_sends_and_replays_are_counted(cast, api, direct_start):
    start, send = direct_start
    before = {name: figures.value(name, **labels) for name, labels in COUNTS.items()}
    conversation = start(cast.attendee, cast.mvp_dealer).json()["conversation"]["id"]
    start(cast.attendee, cast.mvp_dealer)
    start(cast.attendee, cast.dealer)
    for _ in range(2):
        send(cast.attendee, conversation, Idempotency_Key="a-key")
    after = {name: figures.value(name, **labels) for name, labels in COUNTS.items()}
    assert {name: after[name] - before[name] for name in COUNTS} == dict.fromkeys(COUNTS, 1)
    assert figures.value("conversation_starts", version="v2", outcome="exists") >= 1
    assert figures.value("conversation_starts", version="v2", outcome="refused") >= 1


COUNTS = {
    "conversation_starts": {"version": "v2", "outcome": "done"},
    "message_sends": {"outcome": "done"},
    "idempotency_answers": {"outcome": "replayed"},
}


@pytest.fixture
def direct_start(cast, api):
    def start(who, whom):
        return api(who).post(
            f"/events/{cast.event.id}/conversations", {"recipient_id": str(whom.id), "content": "Hello"}
        )

    def send(who, conversation, **headers):
        return api(who).post(f"/conversations/{conversation}/messages", {"content": "Again"}, **headers)

    return start, send


def test_counting_one_request_costs_microseconds(db):
    """No bar that a busy machine could miss: far above what it takes (about 5 µs)."""
    one = answered(status=200)
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(100):
            traffic.count(one)
        best = min(best, (time.perf_counter() - began) / 100)
    assert best < 0.001
