"""A house for the scenarios, and a table of what they found at the end of the run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.chaos.house import House

COLUMNS = ("scenario", "texts", "lost", "doubled", "denied", "unknown", "were unknown", "seconds", "injected")


@pytest.fixture(scope="module")
def running(django_db_setup, _own_redis_database):
    with tempfile.TemporaryDirectory(prefix="cb-chaos-", dir="/tmp") as folder:  # short enough for a socket
        house = House(Path(folder))
        yield house
        house.close()


@pytest.fixture
def house(running, transactional_db):
    """Nothing of it writes before a test, nor after."""
    yield running
    running.end_work()
    running.set_faults()


def pytest_terminal_summary(terminalreporter):
    """From wherever the tests ran: properties travel with their reports."""
    rows = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, value in report.user_properties
        if name == "chaos"
    ]
    if rows:
        terminalreporter.section("texts under faults")
        terminalreporter.write_line("| " + " | ".join(COLUMNS) + " |")
        terminalreporter.write_line("|" + "---|" * len(COLUMNS))
        for row in rows:
            terminalreporter.write_line("| " + " | ".join(row) + " |")
