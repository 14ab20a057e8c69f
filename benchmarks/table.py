"""Measures one thing after the other and prints each as a line: rate, latencies, and where the CPU went."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from benchmarks import load
from benchmarks.bounds import Bound
from benchmarks.load import Result, Target
from benchmarks.promises import Promise
from benchmarks.stand import Stand

NAME = 44
PARTS = ("web", "front", "postgres", "redis", "load")
# The generator beyond this is part of what is measured.
LATE = 0.02
# Shorter measurements are for a quick look.
LEAST_SECONDS = 4.0


@dataclass
class Spent:
    """Seconds of CPU by part while something was measured, and how many cores were busy with what is not ours: with
    other processes, or with other machines of the same host."""

    cpu: dict[str, float] = field(default_factory=dict)
    cores_elsewhere: float = 0.0
    cores_stolen: float = 0.0

    def rate_alone(self, number: int) -> float:
        """At this CPU a call, what all cores would do if nothing else ran on them."""
        return cores() * number / max(sum(self.cpu[part] for part in PARTS), 1e-9)


@dataclass
class Measured:
    result: Result
    spent: Spent

    @property
    def rate_alone(self) -> float:
        return self.spent.rate_alone(self.result.begun)


@contextmanager
def watched(stand: Stand) -> Iterator[Spent]:
    spent = Spent()
    began, before, (busy, stolen) = time.monotonic(), _cpu(stand), _busy_and_stolen()
    yield spent
    after, (busy_then, stolen_then) = _cpu(stand), _busy_and_stolen()
    seconds = time.monotonic() - began
    spent.cpu = {name: after[name] - before[name] for name in after}
    spent.cores_elsewhere = max(0.0, (busy_then - busy - sum(spent.cpu.values())) / seconds)
    spent.cores_stolen = (stolen_then - stolen) / seconds


def _cpu(stand: Stand) -> dict[str, float]:
    """The generator runs in this process, pgbench in a child of it."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return stand.cpu() | {"load": sum(usage.ru_utime + usage.ru_stime for usage in usages)}


def _busy_and_stolen() -> tuple[float, float]:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.steal - times.guest - times.guest_nice, times.steal


def measure(stand: Stand, target: Target, requests: Iterable[bytes], **plan) -> Measured:
    """`plan` is what benchmarks.load.Run takes."""
    with watched(stand) as spent:
        result = load.run(target, requests, **plan)
    return Measured(result, spent)


# --- Lines -----------------------------------------------------------------------------------


def often(times: int, seconds: float) -> int:
    """Once, for a quick look."""
    return times if seconds >= LEAST_SECONDS else 1


def heading() -> None:
    columns = "".join(f"{name:>9}" for name in ("a second", "p50", "p95", "p99", "max"))
    parts = "".join(f"{name:>9}" for name in PARTS)
    print(f"\n{'':<{NAME}}{columns}{'answered':>10}{'failed':>8}  |{parts}{'others':>9}{'stolen':>9}{'alone':>9}")
    units = f"{'µs of CPU each':>45}{'cores':>9}{'cores':>9}{'a second':>9}"
    print(f"{'':<{NAME + 9}}{'ms':>9}{'ms':>9}{'ms':>9}{'ms':>9}{'':>18}  |{units}")


def row(name: str, measured: Measured) -> None:
    result = measured.result
    latencies = "".join(f"{result.percentile(share) * 1000:>9.1f}" for share in (50, 95, 99, 100))
    counts = f"{result.answered:>10,}{result.failed:>8,}"
    print(
        f"{name:<{NAME}}{result.rate:>9,.0f}{latencies}{counts}  |{_shares(measured.spent, result.begun)}"
        f"{_remarks(result)}",
        flush=True,
    )


def bound(name: str, found: Bound, spent: Spent) -> None:
    latency = f"{found.latency_ms:>9.1f}{'(the mean)':>27}"
    print(
        f"{name:<{NAME}}{found.rate:>9,.0f}{latency}{found.number:>10,}{0:>8}  |{_shares(spent, found.number)}",
        flush=True,
    )


def _shares(spent: Spent, number: int) -> str:
    parts = "".join(f"{1e6 * spent.cpu[part] / max(number, 1):>9.0f}" for part in PARTS)
    return f"{parts}{spent.cores_elsewhere:>9.1f}{spent.cores_stolen:>9.2f}{spent.rate_alone(number):>9,.0f}"


def cores() -> int:
    return len(os.sched_getaffinity(0))


def _remarks(result: Result) -> str:
    remarks = []
    if result.failed:
        bad = {str(status): number for status, number in result.statuses.items() if not 200 <= status < 300}
        remarks.append(f"NOT ALL ANSWERED 2xx: {bad | dict(result.errors)}")
    if result.lateness > LATE:
        remarks.append(f"the generator was {result.lateness * 1000:.0f} ms late at worst")
    return "  " + "; ".join(remarks) if remarks else ""


def latency(name: str, result: Result, share: float, *, bar: float | None = None, beyond: float | None = None):
    """The promise that so many of 100 calls take no longer, and none fails."""
    failed = f"{result.failed:,} failed" if result.failed else ""
    found = result.percentile(share) * 1000
    return Promise(name, found, "ms", bar, beyond, is_broken=bool(failed and bar), note=failed)


def machine() -> str:
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    memory = psutil.virtual_memory().total / 1024**3
    return f"{os.cpu_count()} × {model}, {memory:.0f} GB; load average before: {os.getloadavg()[0]:.1f}"
