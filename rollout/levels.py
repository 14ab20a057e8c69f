"""Levels: numbers that each process knows of itself and nobody can ask it for, such as how many streams it holds.

A process says its own with `set`; every two seconds what it said goes to Redis. Read, they are added up, or the highest
counts. Who has been silent for a while counts no more: a process that ended leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from uuid import uuid4

from api import redis
from rollout import figures
from rollout.figures import Labels, Sample, Sums, Values

KEY = "figures:levels"
SILENT_SECONDS = 90
FORGOTTEN_SECONDS = 600


class Level(figures.Figure):
    kind = "gauge"

    def __init__(self, name: str, help_text: str, labels: Labels, *, takes_highest: bool):
        super().__init__(name, help_text, labels)
        self.takes_highest = takes_highest

    def set(self, value: float, **labels: str) -> None:
        """What this process has now; sent again and again until it says otherwise."""
        _own.set("|".join((self.name, *self._values(labels))), value)

    def samples(self, sums: Sums) -> Iterator[Sample]:
        found: dict[Values, list[float]] = {}
        try:
            standing = list(_standing(self.name))
        except redis.RedisError:
            # As a gauge that cannot be asked.
            return
        for values, value in standing:
            if len(values) == len(self.labels):
                found.setdefault(values, []).append(value)
        for values, all_of_them in found.items():
            value = max(all_of_them) if self.takes_highest else sum(all_of_them)
            yield Sample("", dict(zip(self.labels, values, strict=True)), value)


def level(name: str, help_text: str, labels: Labels | None = None, *, takes_highest: bool = False) -> Level:
    return Level(name, help_text, labels or {}, takes_highest=takes_highest)


class _Own:
    """Of this process."""

    def __init__(self):
        self.id = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._lock = threading.Lock()
        self._levels: dict[str, float] = {}

    def set(self, key: str, value: float) -> None:
        with self._lock:
            self._levels[key] = float(value)
        figures.begin_sending()

    def send(self) -> None:
        with self._lock:
            said = dict(self._levels)
        if said:
            redis.client().hset(KEY, self.id, json.dumps({"at": time.time(), "levels": said}))


_own = _Own()


def send() -> None:
    """Now, rather than with the next two seconds."""
    _own.send()


figures.send_beside(send)


def _begin_anew() -> None:
    global _own
    _own = _Own()


os.register_at_fork(after_in_child=_begin_anew)


def _standing(name: str) -> Iterator[tuple[Values, float]]:
    now = time.time()
    client = redis.client()
    for process, raw in client.hgetall(KEY).items():
        said = json.loads(raw)
        if now - said["at"] > FORGOTTEN_SECONDS:
            client.hdel(KEY, process)
        if now - said["at"] > SILENT_SECONDS:
            continue
        for key, value in said["levels"].items():
            of, *values = key.split("|")
            if of == name:
                yield tuple(values), value
