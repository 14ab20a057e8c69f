"""Levels: what each process says of itself, added up or the highest, and forgotten when it is silent."""

from __future__ import annotations

import json
import os

import pytest

from api import redis
from rollout import figures, levels


@pytest.fixture(autouse=True)
def own_figures(monkeypatch):
    monkeypatch.setattr(figures, "_figures", {})
    monkeypatch.setattr(figures._Sums, "begin", lambda self: None)
    monkeypatch.setattr(levels, "_own", levels._Own())


def another(process: str, ago: float = 0, **said: float) -> None:
    document = {"at": levels.time.time() - ago, "levels": said}
    redis.client().hset(levels.KEY, process, json.dumps(document))


def read(level: levels.Level) -> dict[tuple, float]:
    return {tuple(sample.labels.values()): sample.value for sample in level.samples({})}


def test_processes_are_added_up():
    streams = levels.level("streams", "Streams.")
    streams.set(3)
    streams.set(4)
    levels.send()
    another("1-a", streams=10)
    assert read(streams) == {(): 14}


def test_or_the_highest_counts():
    lag = levels.level("lag", "Lag.", takes_highest=True)
    lag.set(0.5)
    levels.send()
    another("1-a", lag=2.5)
    assert read(lag) == {(): 2.5}


def test_labels_take_declared_values():
    open_ones = levels.level("open_ones", "Open.", {"kind": ("event", "person")})
    open_ones.set(1, kind="event")
    open_ones.set(7, kind="made-up")
    levels.send()
    assert read(open_ones) == {("event",): 1, ("other",): 7}


def test_who_is_silent_counts_no_more_and_is_forgotten():
    streams = levels.level("streams", "Streams.")
    another("1-a", ago=levels.SILENT_SECONDS + 1, streams=5)
    another("2-b", ago=levels.FORGOTTEN_SECONDS + 1, streams=6)
    assert read(streams) == {}
    assert set(redis.client().hkeys(levels.KEY)) == {b"1-a"}


def test_a_forked_child_begins_with_nothing():
    streams = levels.level("streams", "Streams.")
    streams.set(3)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, json.dumps(levels._own._levels).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert json.loads(os.read(reading, 100)) == {}
