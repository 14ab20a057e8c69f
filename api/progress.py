"""How far long work is, for whoever waits at a terminal or reads a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 40


class Bar:
    """On a terminal one line that fills; elsewhere a line for every tenth."""

    def __init__(self, unit: str, *, output: TextIO | None = None):
        self.unit, self.output, self.tenths, self.began = unit, output or sys.stderr, -1, time.monotonic()

    def show(self, done: int, of: int) -> None:
        share = done / of if of else 1.0
        took = time.monotonic() - self.began
        text = f"[{'#' * int(WIDTH * share):<{WIDTH}}] {share:4.0%}  {done:,} of {of:,} {self.unit}  {took:.0f} s"
        if self._is_terminal():
            self.output.write(f"\r{text}")
        elif int(share * 10) > self.tenths:
            self.tenths = int(share * 10)
            self.output.write(f"{text}\n")
        self.output.flush()

    def end(self) -> None:
        if self._is_terminal():
            self.output.write("\n")

    def _is_terminal(self) -> bool:
        return getattr(self.output, "isatty", lambda: False)()
