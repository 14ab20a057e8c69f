"""Keeps what each test counted, and writes it into docs/reliability.md: promise by promise.

`docs/reliability.json` holds the last run of each test, and the page is made from it: a run of one promise renews what
its own tests say and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.whole import alone, write_whole
from config.environment import REPOSITORY
from tests.promises.table import ALL, MORE, PROMISES, Promise

RUNS = REPOSITORY / "docs" / "reliability.json"
PAGE = REPOSITORY / "docs" / "reliability.md"
BEGIN, END = "<!-- made by script/test --promises -->", "<!-- end of what script/test --promises made -->"
KEPT, BROKEN, NOT_MEASURED = "kept", "**not kept**", "not measured yet"
TEXTS_HEAD = (
    "scenario", "texts", "lost", "doubled", "denied", "unknown", "were unknown", "seconds", "injected",
)  # fmt: skip


def read() -> dict[str, dict]:
    return json.loads(RUNS.read_text()) if RUNS.exists() else {}


def keep(runs: dict[str, dict]) -> None:
    known = {test for promise in ALL for test in promise.tests}
    with alone(RUNS):
        kept = {test: run for test, run in {**read(), **runs}.items() if test in known}
        write_whole(RUNS, json.dumps(kept, indent=1, sort_keys=True) + "\n")


def collect(file: Path, tests: Iterable[str], *, at: str) -> dict[str, dict]:
    """What the lines of a run say of each of these tests; one of which they say nothing did not end."""
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {test: _run([line for line in lines if line["test"].startswith(test)], at) for test in tests}


def _run(lines: list[dict], at: str) -> dict:
    ended: dict[str, str] = {}
    for line in lines:
        # One that failed anywhere has failed, whatever is said of it later.
        if "outcome" in line and ended.get(line["test"]) != "failed":
            ended[line["test"]] = line["outcome"]
    counted = Counter(ended.values())
    return {
        **{outcome: counted[outcome] for outcome in ("passed", "failed", "skipped")},
        "is_ended": bool(ended) and {line["test"] for line in lines if "planned" in line} <= set(ended),
        "figures": summed((line["figure"], line["value"]) for line in lines if "figure" in line),
        "rows": [line["row"] for line in lines if "row" in line],
        "seconds": round(sum(line["seconds"] for line in lines if "seconds" in line), 1),
        "measured_at": at,
    }


def summed(figures: Iterable[tuple[str, int | float]]) -> dict[str, int | float]:
    """Whole numbers add up; of seconds the largest counts."""
    found: dict[str, int | float] = {}
    for name, value in figures:
        if isinstance(value, int):
            found[name] = found.get(name, 0) + value
        else:
            found[name] = max(found.get(name, value), value)
    return found


def figures_of(promise: Promise, runs: dict[str, dict]) -> dict[str, int | float]:
    return summed(item for test in promise.tests if test in runs for item in runs[test]["figures"].items())


def verdict(promise: Promise, runs: dict[str, dict]) -> str:
    if any(test not in runs for test in promise.tests):
        return NOT_MEASURED
    found = figures_of(promise, runs)
    has_passed = all(runs[test]["is_ended"] and not runs[test]["failed"] for test in promise.tests)
    is_none = all(found.get(name) == 0 for name in promise.none)
    is_within = all(found.get(name, most + 1) <= most for name, most in promise.within.items())
    is_done = all(found.get(name) for name in promise.told)
    return KEPT if has_passed and is_none and is_within and is_done else BROKEN


def told(promise: Promise, runs: dict[str, dict]) -> str:
    found = figures_of(promise, runs)
    parts = [f"{name} {found[name]:,}" for name in (*promise.none, *promise.told, *promise.beside) if name in found]
    parts += [f"{name} {found[name]:.2f} s of {most:g} s" for name, most in promise.within.items() if name in found]
    mine = [runs[test] for test in promise.tests if test in runs]
    for outcome in ("passed", "failed", "skipped"):
        if number := sum(run[outcome] for run in mine):
            parts.append(f"{number} {'test' if number == 1 else 'tests'} {outcome}")
    return ", ".join(parts)


def lines_of(promises: tuple[Promise, ...], runs: dict[str, dict], first: int) -> list[str]:
    lines = ["| | promise | | figures | shown by | measured | took |", "|---|---|---|---|---|---|---|"]
    for number, promise in enumerate(promises, first):
        mine = [runs[test] for test in promise.tests if test in runs]
        when = min((run["measured_at"] for run in mine), default="")
        seconds = f"{sum(run['seconds'] for run in mine):,.0f} s" if mine else ""
        shown = ", ".join(f"`{name}`" for name in sorted({test.partition("::")[0][6:] for test in promise.tests}))
        cells = (number, promise.words, verdict(promise, runs), told(promise, runs), shown, when, seconds)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return [*lines, ""]


def section(runs: dict[str, dict]) -> str:
    of_all = [verdict(promise, runs) for promise in ALL]
    lines = [f"**{of_all.count(KEPT)} of {len(ALL)} promises are kept.**", ""]
    lines += lines_of(PROMISES, runs, 1)
    lines += ["Besides:", "", *lines_of(MORE, runs, len(PROMISES) + 1)]
    rows = [row for promise in PROMISES for test in promise.tests for row in runs.get(test, {}).get("rows", ())]
    if rows:
        lines += ["Texts under faults, scenario by scenario ([what the words mean](#texts-under-faults)):", ""]
        lines += [f"| {' | '.join(TEXTS_HEAD)} |", "|---" * len(TEXTS_HEAD) + "|"]
        lines += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    return "\n".join(lines)


def write() -> None:
    with alone(RUNS):
        before, _, rest = PAGE.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        write_whole(PAGE, f"{before}{BEGIN}\n{section(read())}{END}{after}")
