"""Traces through OpenTelemetry, where a collector is set: from the edge through the workers to the provider.

Its packages are no part of what Callboard needs (requirements-tracing.txt), and are loaded only here. Without a
collector a request pays one look at a name. Spans name routes, tasks and ids; of an exception the type alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest, HttpResponse

tracer: Any = None

PARENT = "traceparent"


class NotInstalled(Exception):
    """A collector is set, and the packages that speak to it are not here."""


def begin(endpoint: str) -> None:
    global tracer
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise NotInstalled(
            "CALLBOARD_OTLP_ENDPOINT is set, but not OpenTelemetry installed: pip install -r requirements-tracing.txt"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": "callboard"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    trace.set_tracer_provider(provider)
    tracer = provider.get_tracer("callboard")


def answered(get_response: Callable[[HttpRequest], HttpResponse], request: HttpRequest) -> HttpResponse:
    with span("request", parent=request.META.get("HTTP_TRACEPARENT"), kind="SERVER") as current:
        response = get_response(request)
        match = request.resolver_match
        method = request.method if request.method.isalpha() else "?"
        current.update_name(f"{method} {match.route if match else '?'}")
        current.set_attribute("http.request.method", method)
        current.set_attribute("http.response.status_code", response.status_code)
        current.set_attribute("callboard.request_id", request.request_id)
        if response.status_code >= 500:
            _fail(current)
        return response


@contextmanager
def span(name: str, *, parent: str | None = None, kind: str = "INTERNAL", **attributes: Any) -> Iterator[Any]:
    """Around some work; nothing at all where no collector is set."""
    if tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    with tracer.start_as_current_span(
        name,
        context=_extracted(parent),
        kind=SpanKind[kind],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__qualname__)
            _fail(current)
            raise


def parent_of_next() -> str | None:
    """What a task that is sent now takes along."""
    if tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(PARENT)


def _extracted(parent: str | None) -> Any:
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({PARENT: parent})


def _fail(current: Any) -> None:
    from opentelemetry.trace import Status, StatusCode

    current.set_status(Status(StatusCode.ERROR))
