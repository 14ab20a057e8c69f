"""Waiting for what must come: for a condition, never for a time, and with patience for a machine that is busy."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What takes this long does not come.
PATIENCE = 60


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def free_port() -> int:
    """One that nobody listens on; from a range in which the system gives no ports of its own accord."""
    while True:
        port = random.randint(15_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def does_listen(address: int | str) -> bool:
    """On a port of this machine, or at a path."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as probe:
        return probe.connect_ex(address if isinstance(address, str) else ("127.0.0.1", address)) == 0


@contextmanager
def crowded() -> Iterator[None]:
    """One crowd at a time: those of two workers together may be more than a server takes connections."""
    with open(f"{tempfile.gettempdir()}/callboard-tests-{os.geteuid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
