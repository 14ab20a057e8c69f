"""Figures are right across processes and threads, and Redis away neither slows nor loses them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest
from celery.signals import worker_process_shutdown
from django.conf import settings

from api import redis
from rollout import figures
from rollout.figures import Sample


@pytest.fixture(autouse=True)
def own_figures(monkeypatch):
    """A registry of the test's own, whose sums nobody sends but the test."""
    monkeypatch.setattr(figures, "_figures", {})
    monkeypatch.setattr(figures, "_sums", figures._Sums())
    monkeypatch.setattr(figures._Sums, "begin", lambda self: None)


def test_a_counter_adds_up_by_its_labels():
    calls = figures.counter("calls", "Calls.", {"model": ("v1", "v2"), "outcome": ("ok", "failed")})
    calls.add(model="v1", outcome="ok")
    calls.add(2, model="v1", outcome="ok")
    calls.add(outcome="failed", model="v2")
    assert figures.value("calls", model="v1", outcome="ok") == 3
    assert figures.value("calls", model="v2", outcome="failed") == 1
    assert figures.value("calls", model="v2", outcome="ok") == 0


def test_what_is_no_declared_value_counts_as_other_so_that_series_stay_few():
    calls = figures.counter("calls", "Calls.", {"code": ("ok",)})
    for number in range(50):
        calls.add(code=f"made-up-{number}")
    ((_, samples),) = figures.read()
    assert samples == [Sample("", {"code": "other"}, 50)]
    assert len(calls._known) == 0


def test_labels_are_all_named_and_no_others():
    calls = figures.counter("calls", "Calls.", {"model": ("v1",)})
    for labels in ({}, {"model": "v1", "more": "x"}, {"person": "x"}):
        with pytest.raises(ValueError, match="has the labels model"):
            calls.add(**labels)


def test_a_name_is_a_figures_own_and_series_are_bounded():
    figures.counter("calls", "Calls.")
    with pytest.raises(ValueError, match="another has it"):
        figures.counter("calls", "Calls.")
    with pytest.raises(ValueError, match="no name"):
        figures.counter("Calls per |", "Calls.")
    with pytest.raises(ValueError, match="more than"):
        figures.counter("many", "Many.", {"a": [str(number) for number in range(15)], "b": list("abcdefghijklmn")})


def test_a_histogram_counts_up_to_each_bound():
    took = figures.histogram("took_seconds", "Time.", {"model": ("v1", "v2")}, buckets=(0.1, 1))
    for seconds in (0.05, 0.1, 0.5, 30):
        took.observe(seconds, model="v1")
    ((_, samples),) = figures.read()
    assert samples == [
        Sample("_bucket", {"model": "v1", "le": "0.1"}, 2),
        Sample("_bucket", {"model": "v1", "le": "1.0"}, 3),
        Sample("_bucket", {"model": "v1", "le": "+Inf"}, 4),
        Sample("_sum", {"model": "v1"}, 30.65),
        Sample("_count", {"model": "v1"}, 4),
    ]


def test_a_gauge_is_asked_when_it_is_read():
    standing = [1]
    figures.gauge("waiting", "Waiting.", lambda: standing[0])
    figures.gauge("messages", "Messages.", lambda: {("direct",): 3, ("channel",): 4}, {"kind": ("direct", "channel")})
    assert figures.value("waiting") == 1
    standing[0] = 2
    assert figures.value("waiting") == 2
    assert figures.value("messages", kind="channel") == 4


def test_a_gauge_that_fails_leaves_the_others_readable():
    figures.gauge("broken", "Broken.", lambda: 1 / 0)
    figures.counter("calls", "Calls.").add()
    assert {figure.name: samples for figure, samples in figures.read()} == {
        "broken": [],
        "calls": [Sample("", {}, 1)],
    }


def test_threads_lose_nothing():
    calls = figures.counter("calls", "Calls.")
    threads = [threading.Thread(target=lambda: [calls.add() for _ in range(5000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        figures.flush()
    for thread in threads:
        thread.join()
    assert figures.value("calls") == 40000


ELSEWHERE = """
import os, sys, django
django.setup()
from django.conf import settings
settings.REDIS_URL = sys.argv[1]
from rollout import figures
calls = figures.counter("calls", "Calls.", {"who": ("parent", "child")})
took = figures.histogram("took", "Time.")
for _ in range(1000):
    calls.add(who="parent"); took.observe(0.5)
if os.fork() == 0:
    for _ in range(500):
        calls.add(who="child")
    figures.flush()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""


def test_processes_add_up_also_forked_ones_and_those_that_ended():
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", ELSEWHERE, settings.REDIS_URL]
    processes = [subprocess.Popen(command, env=environment) for _ in range(3)]
    calls = figures.counter("calls", "Calls.", {"who": ("parent", "child")})
    figures.histogram("took", "Time.")
    calls.add(7, who="parent")
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert figures.value("calls", who="parent") == 3007
    assert figures.value("calls", who="child") == 1500
    assert figures.value("took", "_count") == 3000
    assert figures.value("took", "_sum") == 1500


@pytest.fixture
def redis_away(monkeypatch):
    """An address where nobody listens, until `back()`."""
    kept = settings.REDIS_URL
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
    redis.client.cache_clear()

    def back():
        settings.REDIS_URL = kept
        redis.client.cache_clear()
        redis._away_until = 0.0

    yield back
    back()


def test_with_redis_away_sums_wait_and_nothing_is_raised(redis_away):
    calls = figures.counter("calls", "Calls.")
    calls.add()
    assert figures.flush() is False
    calls.add(2)
    assert figures.flush() is False
    redis_away()
    assert figures.flush() is True
    assert figures.value("calls") == 3


def test_a_batch_that_arrived_without_an_answer_counts_once(monkeypatch):
    calls = figures.counter("calls", "Calls.")
    calls.add(5)
    run = redis.run

    def arrives_without_answer(*arguments):
        run(*arguments)
        raise redis.RedisAway

    monkeypatch.setattr(redis, "run", arrives_without_answer)
    assert figures.flush() is False
    calls.add(1)
    monkeypatch.setattr(redis, "run", run)
    assert figures.flush() is True
    assert figures.value("calls") == 6


def test_a_celery_child_sends_what_it_has_when_it_ends():
    figures.counter("calls", "Calls.").add(4)
    worker_process_shutdown.send(sender=None, pid=1, exitcode=0)
    assert redis.client().hget(figures.KEY, "calls|") == b"4"
