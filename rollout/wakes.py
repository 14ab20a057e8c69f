"""Sending comparisons on their way, from a thread of its own.

Nothing but a figure hangs on them, so a request does not wait for Redis even as long as a wake-up may: it only puts a
few ids into a short queue. What does not fit, or cannot be sent, is left out and counted.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import Any

from api import wakeups
from rollout import figures

COMPARE = "rollout.tasks.compare_read_models"
MOST_WAITING = 100
EXPIRES_SECONDS = 60

wakes = figures.counter(
    "shadow_wakes", "Comparisons that were sent to a worker, or left out.", {"outcome": ("sent", "left_out")}
)


class _Sender:
    def __init__(self):
        self._waiting: queue.Queue[list[Any]] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, arguments: list[Any]) -> None:
        try:
            self._waiting.put_nowait(arguments)
        except queue.Full:
            wakes.add(outcome="left_out")
            return
        if self._thread is None:
            self._begin()

    def finish(self, patience: float) -> bool:
        """Waits until nothing is left to send; for tests, and never for longer than this."""
        until = time.monotonic() + patience
        while self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)
        return not self._waiting.unfinished_tasks

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_sending, name="comparisons", daemon=True)
                self._thread.start()

    def _keep_sending(self) -> None:
        while True:
            is_sent = wakeups.send(COMPARE, *self._waiting.get(), expires=EXPIRES_SECONDS)
            wakes.add(outcome="sent" if is_sent else "left_out")
            self._waiting.task_done()


_sender = _Sender()


def compare(arguments: list[Any]) -> None:
    """Takes microseconds, and never raises."""
    _sender.put(arguments)


def finish(patience: float = 30.0) -> bool:
    return _sender.finish(patience)


def _begin_anew() -> None:
    """A forked child has none of its parent's threads."""
    global _sender
    _sender = _Sender()


os.register_at_fork(after_in_child=_begin_anew)
