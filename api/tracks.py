"""The id of a request goes along with the work that it sets off: to the tasks it wakes, and to those that they wake.

What waits in the database carries it in its row, where somebody has to know it later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

from api import logs, tracing

HEADER, PARENT = "callboard_request_id", "callboard_traceparent"
_TOKEN, _SPAN = "_callboard_log_context", "_callboard_span"


def current() -> str | None:
    """Of the request that is being served, or that set this off."""
    return (logs.context.get() or {}).get("request_id")


@contextmanager
def within(**ids: Any) -> Iterator[None]:
    """For lines that are logged meanwhile; what is None adds nothing."""
    known = {name: value for name, value in ids.items() if value is not None}
    token = logs.context.set({**(logs.context.get() or {}), **known})
    try:
        yield
    finally:
        logs.context.reset(token)


def add(**ids: Any) -> None:
    """To the lines that are still to be logged of this request, its own among them."""
    if (known := logs.context.get()) is not None:
        known.update(ids)


@before_task_publish.connect
def hand_on(headers: dict | None = None, **_: object) -> None:
    if headers is None:
        return
    if request_id := current():
        headers.setdefault(HEADER, request_id)
    if parent := tracing.parent_of_next():
        headers.setdefault(PARENT, parent)


@task_prerun.connect
def take_up(task: Any = None, task_id: str | None = None, **_: object) -> None:
    found = {"task": task.name, "task_id": task_id}
    if request_id := _header(task, HEADER):
        found["request_id"] = request_id
    setattr(task.request, _TOKEN, logs.context.set(found))
    if tracing.tracer is not None:
        span = tracing.span(task.name, parent=_header(task, PARENT), kind="CONSUMER")
        span.__enter__()
        setattr(task.request, _SPAN, span)


@task_postrun.connect
def put_down(task: Any = None, **_: object) -> None:
    if span := getattr(task.request, _SPAN, None):
        span.__exit__(None, None, None)
    if token := getattr(task.request, _TOKEN, None):
        try:
            logs.context.reset(token)
        except ValueError:
            # Celery came back in another context: this one's ends with it.
            logs.context.set(None)


def _header(task: Any, name: str) -> str | None:
    """Where a task is run without a broker, its headers stay apart."""
    return getattr(task.request, name, None) or (task.request.headers or {}).get(name)
