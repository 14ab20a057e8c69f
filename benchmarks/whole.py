"""Files that hold what was measured: whole at every moment, and nothing of two runs that end at once is lost."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Between reading a file and writing what follows from it: others wait, at its folder, where no lock is left."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_whole(file: Path, text: str) -> None:
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_text(text)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
