"""The figures of this system: counters, histograms and gauges, right across all processes and machines.

A bump adds to a number in this process' memory, and waits for nothing. Every few seconds what came together goes to
Redis in one call, which adds it to everybody's; a call that may or may not have arrived is repeated under its number
and counts once. With Redis away, sums wait here. A gauge is not kept but asked when it is read; a level is what each
process said last, as long as it lives (`rollout.levels`). A process that is killed takes with it what it has not sent.

Labels take declared values only, so that there are never more series than stand here; others count as `other`.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from math import prod
from typing import NamedTuple
from uuid import uuid4

from celery.signals import worker_process_shutdown

from api import redis

logger = logging.getLogger(__name__)

OTHER = "other"
# Of names as Prometheus sees them.
PREFIX = "callboard_"
MOST_SERIES = 200
FLUSH_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
KEY = "figures:sums"
# The same again for each minute, as long as somebody may ask what happened lately.
MINUTE_KEY = "figures:minute:"
MINUTES_KEPT = 60
# And for each day (UTC), of the counters that ask for it.
DAY_KEY = "figures:day:"
DAYS_KEPT = 100
BATCH_KEY = "figures:batch:"
BATCH_KEPT_SECONDS = 600
# Seconds; a call of this system takes milliseconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

_NAME = re.compile(r"[a-z][a-z0-9_]{2,60}")
# A batch counts once, however often it is sent.
_ADD = """
if not redis.call('SET', KEYS[2], 1, 'NX', 'EX', ARGV[1]) then return 0 end
local daily = 4 + 2 * ARGV[4]
for i = 5, daily, 2 do
    redis.call('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call('HINCRBYFLOAT', KEYS[3], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[3], ARGV[2])
for i = daily + 1, #ARGV, 2 do
    redis.call('HINCRBYFLOAT', KEYS[4], ARGV[i], ARGV[i + 1])
end
if daily < #ARGV then redis.call('EXPIRE', KEYS[4], ARGV[3]) end
return 1
"""

# Values that are known only later (the routes, say) are given by a function, which is asked once.
Labels = Mapping[str, Sequence[str] | Callable[[], Sequence[str]]]
Values = tuple[str, ...]
# Of one figure: by its part and the values of its labels.
Sums = Mapping[tuple[str, ...], float]

# A number, and what is added to it.
Bump = tuple[tuple[str, str, Values], float]


class Sample(NamedTuple):
    """One number, as an exporter writes it; `suffix` is `_bucket`, `_sum` or `_count` of a histogram, else empty."""

    suffix: str
    labels: dict[str, str]
    value: float


class Figure:
    kind = ""

    def __init__(self, name: str, help_text: str, labels: Labels, most_series: int = MOST_SERIES):
        if not _NAME.fullmatch(name) or name in _figures:
            raise ValueError(f"{name} is no name for a figure, or another has it")
        self.name, self.help_text, self.most_series = name, help_text, most_series
        self._given = dict(labels)
        self._known = {}
        if not any(callable(values) for values in self._given.values()):
            self.labels  # noqa: B018  (what is too much shows at once)
        _figures[name] = self

    @cached_property
    def labels(self) -> dict[str, tuple[str, ...]]:
        found = {label: tuple(values() if callable(values) else values) for label, values in self._given.items()}
        if prod(len(values) + 1 for values in found.values()) > self.most_series:
            raise ValueError(f"{self.name} would be more than {self.most_series} series")
        return found

    def described(self, label: str) -> str:
        """What the values are, where a function gives them."""
        values = self._given[label]
        return (values.__doc__ or "").strip() if callable(values) else ""

    def _values(self, given: dict[str, str]) -> Values:
        key = tuple(given.values())
        found = self._known.get((*given, *key))
        if found is None:
            if set(given) != set(self.labels):
                raise ValueError(f"{self.name} has the labels {', '.join(self.labels) or 'none'}")
            found = tuple(given[label] if given[label] in known else OTHER for label, known in self.labels.items())
            if OTHER not in found:
                self._known[(*given, *key)] = found
        return found

    def samples(self, sums: Sums) -> Iterator[Sample]:
        raise NotImplementedError

    def _series(self, sums: Sums, part: str) -> Iterator[tuple[dict[str, str], float]]:
        for (of, *values), value in sums.items():
            if of == part and len(values) == len(self.labels):
                yield dict(zip(self.labels, values, strict=True)), value


class Counter(Figure):
    kind = "counter"

    def __init__(self, name: str, help_text: str, labels: Labels, most_series: int, by_day: bool = False):
        super().__init__(name, help_text, labels, most_series)
        if by_day:
            _daily.add(name)

    def add(self, amount: float = 1, **labels: str) -> None:
        _sums.add(((self.name, "", self._values(labels)), amount))

    def bump(self, **labels: str) -> Bump:
        """One more, to be made with others by `bump`: for what every request counts."""
        return (self.name, "", self._values(labels)), 1

    def samples(self, sums: Sums) -> Iterator[Sample]:
        for labels, value in self._series(sums, ""):
            yield Sample("", labels, value)


class Histogram(Figure):
    kind = "histogram"

    def __init__(self, name: str, help_text: str, labels: Labels, buckets: Sequence[float], most_series: int):
        super().__init__(name, help_text, labels, most_series)
        self.buckets = tuple(sorted(buckets))
        self._ends = [*(repr(float(bound)) for bound in self.buckets), "+Inf"]

    def observe(self, value: float, **labels: str) -> None:
        _sums.add(*self.bumps(self._values(labels), value))

    def bumps(self, values: Values, value: float) -> tuple[Bump, Bump]:
        end = self._ends[bisect_left(self.buckets, value)]
        return ((self.name, end, values), 1), ((self.name, "sum", values), value)

    def samples(self, sums: Sums) -> Iterator[Sample]:
        for labels, total in self._series(sums, "sum"):
            so_far = 0.0
            for end in self._ends:
                so_far += sums.get((end, *labels.values()), 0)
                yield Sample("_bucket", {**labels, "le": end}, so_far)
            yield Sample("_sum", labels, total)
            yield Sample("_count", labels, so_far)


# A number, or one for each tuple of label values.
Probe = Callable[[], float | Mapping[Values, float]]


class Gauge(Figure):
    kind = "gauge"

    def __init__(self, name: str, help_text: str, labels: Labels, probe: Probe):
        super().__init__(name, help_text, labels)
        self._probe = probe

    def samples(self, sums: Sums) -> Iterator[Sample]:
        try:
            found = self._probe()
        except Exception as error:
            # One that cannot be asked leaves the others readable; its absence is what an alert can see.
            logger.warning("the gauge %s cannot be read: %s", self.name, type(error).__name__)
            return
        for values, value in (found if isinstance(found, Mapping) else {(): found}).items():
            yield Sample("", dict(zip(self.labels, values, strict=True)), float(value))


_figures: dict[str, Figure] = {}
_daily: set[str] = set()


def counter(
    name: str,
    help_text: str,
    labels: Labels | None = None,
    *,
    by_day: bool = False,
    most_series: int = MOST_SERIES,
) -> Counter:
    return Counter(name, help_text, labels or {}, most_series, by_day)


def histogram(
    name: str,
    help_text: str,
    labels: Labels | None = None,
    buckets: Sequence[float] = BUCKETS,
    *,
    most_series: int = MOST_SERIES,
) -> Histogram:
    return Histogram(name, help_text, labels or {}, buckets, most_series)


def gauge(name: str, help_text: str, probe: Probe, labels: Labels | None = None) -> Gauge:
    return Gauge(name, help_text, labels or {}, probe)


# --- The sums of this process --------------------------------------------------------------------


class _Sums:
    def __init__(self):
        self._lock = threading.Lock()
        # One sends at a time, so that what is repeated stays in order.
        self._sending = threading.Lock()
        self._waiting: dict[tuple, float] = {}
        self._batch: tuple[str, dict[tuple, float]] | None = None
        self._sender: threading.Thread | None = None

    def add(self, *bumps: Bump) -> None:
        with self._lock:
            for key, amount in bumps:
                self._waiting[key] = self._waiting.get(key, 0) + amount
        if self._sender is None:
            self.begin()

    def send(self) -> bool:
        """Whether everything up to now is with Redis."""
        with self._sending:
            return self._send_batch() and self._send_batch()

    def _send_batch(self) -> bool:
        if self._batch is None:
            with self._lock:
                taken, self._waiting = self._waiting, {}
            if not taken:
                return True
            self._batch = (uuid4().hex, taken)
        number, sums = self._batch
        pairs = _pairs(sums.items())
        daily = _pairs((key, amount) for key, amount in sums.items() if key[0] in _daily)
        try:
            keys = [KEY, BATCH_KEY + number, f"{MINUTE_KEY}{_minute_now()}", f"{DAY_KEY}{_today()}"]
            kept = [BATCH_KEPT_SECONDS, MINUTES_KEPT * 60, DAYS_KEPT * 86_400]
            redis.run(_ADD, keys, [*kept, len(sums), *pairs, *daily])
        except redis.RedisAway:
            return False
        self._batch = None
        return True

    def begin(self) -> None:
        with self._lock:
            if self._sender is None:
                self._sender = threading.Thread(target=self._keep_sending, name="figures", daemon=True)
                self._sender.start()

    def _keep_sending(self) -> None:
        pause = FLUSH_SECONDS
        while True:
            time.sleep(pause)
            try:
                is_sent = self.send()
                for beside in _sent_beside:
                    beside()
            except Exception:
                logger.exception("figures were not sent")
                is_sent = False
            # Redis away is told by every try: rarer and rarer.
            pause = FLUSH_SECONDS if is_sent else min(pause * 2, LONGEST_PAUSE_SECONDS)


# What else goes to Redis on the same clock.
_sent_beside: list[Callable[[], object]] = []


def send_beside(send: Callable[[], object]) -> None:
    _sent_beside.append(send)


def begin_sending() -> None:
    """For what is sent beside: the thread begins with the first bump otherwise."""
    _sums.begin()


def bump(*bumps: Bump) -> None:
    """Several at once, for the price of little more than one."""
    _sums.add(*bumps)


def _minute_now() -> int:
    return int(time.time() // 60)


def _today() -> date:
    return datetime.now(UTC).date()


def _pairs(sums: Iterable[tuple[tuple, float]]) -> list[str]:
    return [part for key, amount in sums for part in (_key_of(key), repr(float(amount)))]


def _key_of(key: tuple) -> str:
    name, part, values = key
    return "|".join((name, part, *values))


_sums = _Sums()


def _begin_anew() -> None:
    """A forked child begins with nothing: what the parent has waiting is the parent's to send."""
    global _sums
    _sums = _Sums()


os.register_at_fork(after_in_child=_begin_anew)


@atexit.register
def flush(**_: object) -> bool:
    """Sends what waits in this process; for the end of a process, and for tests."""
    return _sums.send()


# Celery's children end past `atexit`.
worker_process_shutdown.connect(flush)


# --- Reading -------------------------------------------------------------------------------------


def read() -> list[tuple[Figure, list[Sample]]]:
    """Every figure with its samples, as all processes together have it; raises RedisError with Redis away."""
    flush()
    sums = _sums_of([KEY])
    return [(figure, list(figure.samples(sums.get(figure.name, {})))) for figure in _figures.values()]


def read_gauges() -> list[tuple[Figure, list[Sample]]]:
    """Those that need no sums: what can be told with Redis away."""
    return [(figure, list(figure.samples({}))) for figure in _figures.values() if figure.kind == "gauge"]


def recent(figure: Figure, *, minutes: int) -> list[Sample]:
    """What a counter or histogram counted in the last so many minutes, and in the one that runs."""
    flush()
    now = _minute_now()
    sums = _sums_of([f"{MINUTE_KEY}{now - ago}" for ago in range(minutes + 1)], only=figure.name)
    return list(figure.samples(sums.get(figure.name, {})))


def of_days(figure: Counter, *, days: int) -> list[tuple[date, list[Sample]]]:
    """What a counter by day counted on each of the last days, today's last."""
    flush()
    shown = [_today() - timedelta(days=ago) for ago in reversed(range(days))]
    return [
        (day, list(figure.samples(_sums_of([f"{DAY_KEY}{day}"], only=figure.name).get(figure.name, {}))))
        for day in shown
    ]


def _sums_of(keys: list[str], *, only: str | None = None) -> dict[str, dict[tuple[str, ...], float]]:
    """By figure."""
    asked = redis.client().pipeline(transaction=False)
    for key in keys:
        asked.hgetall(key)
    sums: dict[str, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
    for found in asked.execute():
        for key, value in found.items():
            name, *rest = key.decode().split("|")
            if only in (None, name):
                sums[name][tuple(rest)] += float(value)
    return sums


def value(name: str, suffix: str = "", **labels: str) -> float:
    """One number; nought where nothing was counted."""
    figure = _figures[name]
    flush()
    samples = figure.samples(_sums_of([KEY], only=name).get(name, {}))
    return next((found.value for found in samples if (found.suffix, found.labels) == (suffix, labels)), 0.0)


def registered() -> list[Figure]:
    return list(_figures.values())
