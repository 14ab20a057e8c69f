"""docs/reliability.md says what the tests counted: each promise has its tests, its figures, and its row."""

from __future__ import annotations

import ast
import json
from functools import cache

import pytest

from config.environment import REPOSITORY
from tests.promises import keeping
from tests.promises.table import ALL, PROMISES, Promise

MADE_UP = Promise("Nothing is lost", ("tests/x.py::test_a",), ("lost",), ("sends",), within={"longest": 1.0})


@cache
def in_file(path: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse((REPOSITORY / path).read_text())) if isinstance(node, ast.FunctionDef)]


def functions(test: str) -> list[ast.FunctionDef]:
    """Of a file all, of one test that and the fixtures around it."""
    path, _, name = test.partition("::")
    found = in_file(path)
    assert not name or name in {one.name for one in found}, f"{test} is not there"
    return [one for one in found if not name or one.name == name or not one.name.startswith("test_")]


def counted(test: str) -> set[str]:
    """The words of whatever records figures there."""
    return {
        node.value
        for one in functions(test)
        if any(isinstance(node, ast.Name) and node.id == "figure" for node in ast.walk(one))
        for node in ast.walk(one)
        if isinstance(node, ast.Constant)
    }


@pytest.mark.parametrize("promise", ALL, ids=lambda promise: promise.words.partition(":")[0])
def test_each_promise_has_tests_that_count_its_figures(promise):
    recorded = set().union(*map(counted, promise.tests))
    wanted = {*promise.none, *promise.told, *promise.beside, *promise.within}
    assert wanted
    assert wanted - recorded == set()


def test_no_test_is_named_in_two_ways():
    """One that is named by itself and with its file would be run and counted twice."""
    named = {test for promise in ALL for test in promise.tests}
    assert [test for test in named if "::" in test and test.partition("::")[0] in named] == []


def test_the_page_says_what_was_counted():
    runs = keeping.read()
    assert set(runs) <= {test for promise in ALL for test in promise.tests}
    assert f"{keeping.BEGIN}\n{keeping.section(runs)}{keeping.END}" in keeping.PAGE.read_text()
    assert len(PROMISES) == 22


def run_of(*lines: dict) -> dict:
    return keeping._run([{"test": "tests/x.py::test_a", **line} for line in lines], "2026-01-01 00:00 UTC")


PASSED = {"outcome": "passed", "seconds": 1.5}
SENT = [{"figure": "sends", "value": 2}, {"figure": "sends", "value": 3}]
LONGEST = [{"figure": "longest", "value": 0.5}, {"figure": "longest", "value": 0.25}]
CLEAN = [*SENT, *LONGEST, {"figure": "lost", "value": 0}]


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ([*SENT, *LONGEST, {"figure": "lost", "value": 0}, PASSED], keeping.KEPT),
        ([*SENT, *LONGEST, {"figure": "lost", "value": 1}, PASSED], keeping.BROKEN),
        ([*SENT, *LONGEST, PASSED], keeping.BROKEN),
        ([*SENT, {"figure": "longest", "value": 1.5}, {"figure": "lost", "value": 0}, PASSED], keeping.BROKEN),
        ([*SENT, *LONGEST, {"figure": "lost", "value": 0}, {**PASSED, "outcome": "failed"}, PASSED], keeping.BROKEN),
        ([*SENT, *LONGEST, {"figure": "lost", "value": 0}], keeping.BROKEN),
        ([*LONGEST, {"figure": "lost", "value": 0}, PASSED], keeping.BROKEN),
        ([{"figure": "sends", "value": 0}, *LONGEST, {"figure": "lost", "value": 0}, PASSED], keeping.BROKEN),
        ([*CLEAN, PASSED, {"test": "tests/x.py::test_a[2]", "planned": True}], keeping.BROKEN),
        ([*CLEAN, {"planned": True}, PASSED], keeping.KEPT),
    ],
    ids=[
        "kept",
        "one lost",
        "not counted",
        "too long",
        "failed",
        "did not end",
        "not said how much",
        "nothing done",
        "broke off amid",
        "ended as planned",
    ],
)
def test_a_promise_is_kept_when_its_tests_passed_and_counted_what_is_promised(lines, verdict):
    assert keeping.verdict(MADE_UP, {"tests/x.py::test_a": run_of(*lines)}) == verdict


def test_figures_add_up_and_of_seconds_the_largest_is_told():
    runs = {"tests/x.py::test_a": run_of(*SENT, *LONGEST, {"figure": "lost", "value": 0}, PASSED)}
    assert keeping.told(MADE_UP, runs) == "lost 0, sends 5, longest 0.50 s of 1 s, 1 test passed"
    assert keeping.verdict(MADE_UP, {}) == keeping.NOT_MEASURED


def test_a_run_is_read_test_by_test(tmp_path):
    lines = [{"test": "tests/x.py::test_a[1]", **PASSED}, {"test": "tests/y.py::test_b", **PASSED}]
    (tmp_path / "figures").write_text("".join(json.dumps(line) + "\n" for line in lines))
    runs = keeping.collect(tmp_path / "figures", ["tests/x.py::test_a", "tests/z.py"], at="now")
    assert [(test, run["passed"], run["is_ended"]) for test, run in runs.items()] == [
        ("tests/x.py::test_a", 1, True),
        ("tests/z.py", 0, False),
    ]
