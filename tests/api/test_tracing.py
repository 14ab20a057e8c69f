"""Traces: off they cost a look at a name; on, request and task are spans of one trace with nothing personal in them."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from api import tracing, tracks
from config.environment import REPOSITORY
from tests.api.receivers import receiver
from tests.waiting import PATIENCE, wait_until

PHONE = "+4915112345678"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

PROGRAM = f"""
import sys
import django
django.setup()
from celery import current_app
from django.test import RequestFactory
from django.http import HttpResponse
from types import SimpleNamespace
from api import tracing, tracks
from api.requests import RequestMiddleware

sent = {{}}
def answer(request):
    request.resolver_match = SimpleNamespace(route="api/v1/me", kwargs={{}})
    tracks.hand_on(headers=sent)
    return HttpResponse(status=503)

request = RequestFactory().get("/api/v1/me?phone={PHONE}", headers={{"traceparent": "{PARENT}"}})
RequestMiddleware(answer)(request)
task = SimpleNamespace(name="api.tasks.canary", request=SimpleNamespace(headers=sent))
tracks.take_up(task=task, task_id="1")
try:
    with tracing.span("text", kind="CLIENT", delivery_id=7):
        raise ValueError("{PHONE}")
except ValueError:
    pass
tracks.put_down(task=task)
from opentelemetry import trace
trace.get_tracer_provider().shutdown()
"""


def test_one_trace_from_the_edge_to_the_provider():
    pytest.importorskip("opentelemetry.sdk", reason="OpenTelemetry is optional, and not here")
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with receiver() as (port, taken):
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "CALLBOARD_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        wait_until(lambda: taken, PATIENCE)
    assert {path for path, _ in taken} == {"/v1/traces"}
    assert not any(PHONE[1:].encode() in body for _, body in taken)
    spans = {
        span.name: span
        for _, body in taken
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert set(spans) == {"GET api/v1/me", "api.tasks.canary", "text"}
    assert {span.trace_id.hex() for span in spans.values()} == {PARENT.split("-")[1]}
    assert spans["api.tasks.canary"].parent_span_id == spans["GET api/v1/me"].span_id
    assert spans["text"].parent_span_id == spans["api.tasks.canary"].span_id
    assert [span.status.code for span in spans.values()].count(2) == 2
    assert not any(span.events for span in spans.values())


def test_where_it_is_set_and_not_installed_the_start_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(tracing.NotInstalled, match="requirements-tracing.txt"):
        tracing.begin("http://127.0.0.1:1")
    assert tracing.tracer is None


def test_off_nothing_is_done():
    with tracing.span("x") as current:
        assert current is None
    assert tracing.parent_of_next() is None
    task = SimpleNamespace(name="x", request=SimpleNamespace(headers=None))
    tracks.take_up(task=task, task_id="1")
    tracks.put_down(task=task)
