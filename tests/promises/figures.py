"""What a test counted, and how it ended: lines of a file that CALLBOARD_FIGURES names.

`figure("lost", 0)`: whole numbers of several tests add up; of numbers with a point, which are seconds, the largest
counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

FILE = "CALLBOARD_FIGURES"
Figure = Callable[[str, int | float], None]


def write(**line) -> None:
    if path := os.environ.get(FILE):
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")


@pytest.fixture
def figure(request) -> Figure:
    def record(name: str, value: int | float) -> None:
        assert type(value) in (int, float), "a figure is a number"
        write(test=request.node.nodeid, figure=name, value=value)

    return record


@pytest.fixture
def table_row(request) -> Callable[[list[str]], None]:
    """A row of a table of its own."""
    return lambda cells: write(test=request.node.nodeid, row=cells)


def pytest_runtest_logreport(report) -> None:
    """A hook of pytest's, which tests/conftest.py takes over: once for each phase of each test."""
    is_end = report.when == "call" or report.outcome != "passed"
    write(test=report.nodeid, seconds=report.duration, **({"outcome": report.outcome} if is_end else {}))
