"""script/test --promises: the long form of each promise's tests, the cheapest first, and docs/reliability.md from what
they count. Whatever is over is kept at once: a run that is broken off is taken up with --only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from config.environment import REPOSITORY
from config.home import Unusable
from tests.promises import keeping
from tests.promises.figures import FILE
from tests.promises.table import ALL, Promise

PYTHON = sys.executable
DATABASE = [PYTHON, "-m", "tests.promises.database"]


def chosen(numbers: str | None) -> list[Promise]:
    if not numbers:
        return list(ALL)
    try:
        wanted = {int(number) for number in numbers.split(",")}
    except ValueError:
        wanted = {0}
    if not wanted <= set(range(1, len(ALL) + 1)):
        raise Unusable(f"--only takes numbers from 1 to {len(ALL)}, as in docs/reliability.md: {numbers}")
    return [promise for number, promise in enumerate(ALL, 1) if number in wanted]


def estimated(promise: Promise, runs: dict[str, dict]) -> float:
    """In seconds: as long as last time, or as long as it may take."""
    if all(test in runs for test in promise.tests):
        return sum(runs[test]["seconds"] for test in promise.tests) + 10
    return promise.minutes * 60 / 2


def run(numbers: str | None) -> int:
    runs = keeping.read()
    promises = sorted(chosen(numbers), key=lambda promise: estimated(promise, runs))
    if not call([*DATABASE, "make"], patience=600):
        raise Unusable("no database could be made for the promises; what went wrong stands above")
    done: set[str] = set()
    try:
        for number, promise in enumerate(promises):
            left = sum(estimated(other, runs) for other in promises[number:]) / 60
            say(f"[{number + 1}/{len(promises)}, about {left:.0f} min left] {promise.words}")
            tests = [test for test in promise.tests if test not in done]
            keeping.keep(run_one(promise, tests))
            done.update(tests)
            keeping.write()
            say(f"    {keeping.verdict(promise, keeping.read())}: {keeping.told(promise, keeping.read())}")
    finally:
        call([*DATABASE, "drop"], patience=60)
    kept = [keeping.verdict(promise, keeping.read()) == keeping.KEPT for promise in promises]
    say(f"{sum(kept)} of {len(kept)} promises kept; written to docs/reliability.md")
    return 0 if all(kept) else 1


def run_one(promise: Promise, tests: list[str]) -> dict[str, dict]:
    if not tests:
        return {}
    call([*DATABASE, "copy"], patience=60)
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    with tempfile.TemporaryDirectory(prefix="callboard-promises-") as folder:
        figures = Path(folder) / "figures"
        more = {FILE: str(figures), "CALLBOARD_TEST_LONG": "1", **promise.settings}
        command = [PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "--reuse-db", "--tb=short", *tests]
        call(command, patience=promise.minutes * 60, **more)
        return keeping.collect(figures, tests, at=at)


def call(command: list[str], *, patience: float, **more: str) -> bool:
    """In a session of its own, which ends as a whole: also when it takes too long, also on Ctrl-C."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"} | more
    child = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    began = time.monotonic()
    try:
        output, _ = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired as expired:
        # Time to clean up after itself.
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(60)
        output = (expired.output or b"") + f"\nit was ended after {time.monotonic() - began:.0f} s\n".encode()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.returncode:
        print(output.decode(errors="replace")[-6000:], flush=True)
    return child.returncode == 0


def say(words: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {words}", flush=True)
