"""script/test: each check and the suite in turn, with its budget, in a home of its own.

The last line is `N passed, N failed`; a check counts as one.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from config import home, servers
from config.environment import REPOSITORY
from config.home import Unusable
from tests.promises import running as promises

PYTHON = sys.executable
BESIDE = Path(sys.executable).parent
# Of the caller's environment the tests see the servers it names, and nothing that would change the rules.
KEPT = ("CALLBOARD_REQUIRE_BROWSER", "CALLBOARD_REQUIRE_PROXIES", "CALLBOARD_TEST_LONG")
DROPPED = ("DEBUG", "PORT", "ALLOWED_HOSTS", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")


@dataclass
class Part:
    name: str
    budget: int  # seconds on two cores; together with the installation at most 12 minutes
    commands: list[list]
    shows_output: bool = False
    passed: bool = True
    seconds: float = 0.0


def parts(results: Path, pytest_arguments: list[str]) -> list[Part]:
    ruff, manage = [PYTHON, "-m", "ruff"], [PYTHON, "manage.py"]
    suite = [PYTHON, "-m", "pytest", "-n", "2", f"--junitxml={results}", *pytest_arguments]
    return [
        Part("code style", 10, [[*ruff, "check", "."], [*ruff, "format", "--check", "."]]),
        Part("import walls", 15, [[BESIDE / "lint-imports"]]),
        Part("migrations", 15, [[*manage, "makemigrations", "--check", "--dry-run"]]),
        Part("OpenAPI document", 20, [[*manage, "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull]]),
        Part("suite", 620, [suite], shows_output=True),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/test")
    parser.add_argument("--long", action="store_true", help="the long forms of what has a short one")
    parser.add_argument("--promises", action="store_true", help="the long forms of the promises, reported in docs/")
    parser.add_argument("--only", metavar="1,5,…", help="of the promises, these")
    own, theirs = sys.argv[1:], []
    if "--" in own:
        theirs = own[own.index("--") + 1 :]
        own = own[: own.index("--")]
    chosen = parser.parse_args(own)
    if chosen.only and not chosen.promises:
        parser.error(
            "--only is of the promises: add --promises; a part of the suite is named after --, as pytest takes it"
        )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    clean_environment()
    if chosen.long:
        os.environ["CALLBOARD_TEST_LONG"] = "1"
    try:
        with own_home() as folder, servers.in_use(make=True):
            if chosen.promises:
                return promises.run(chosen.only)
            results = folder / "results.xml"
            ran = parts(results, theirs)
            for part in ran:
                run(part, patience=20 if chosen.long else 3)
            return report(ran, results)
    except Unusable as error:
        servers.say(str(error))
        return 2
    except KeyboardInterrupt:
        servers.say("stopped")
        return 130


def stop(*_) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def clean_environment() -> None:
    for name in list(os.environ):
        if name in DROPPED or (name.startswith("CALLBOARD_") and name not in KEPT):
            del os.environ[name]


@contextmanager
def own_home():
    folder = Path(tempfile.mkdtemp(prefix="callboard-test-"))
    os.environ["CALLBOARD_HOME"] = str(folder / "home")
    try:
        yield folder
    finally:
        sockets = home.sockets()
        for leftover in (folder, sockets):
            shutil.rmtree(leftover or folder, ignore_errors=True)


def run(part: Part, *, patience: int) -> None:
    print(f"--- {part.name} (budget {part.budget} s)", flush=True)
    began = time.monotonic()
    for command in part.commands:
        part.passed &= run_one(command, part, began + part.budget * patience)
    part.seconds = time.monotonic() - began


def run_one(command: list, part: Part, until: float) -> bool:
    """In a session of its own, which ends as a whole: also when it takes too long, also on Ctrl-C."""
    output = None if part.shows_output else subprocess.PIPE
    child = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
    )
    try:
        said, _ = child.communicate(timeout=max(until - time.monotonic(), 1))
    except subprocess.TimeoutExpired:
        said = b"it took too long and was ended\n"
        child.returncode = None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.returncode and said:
        print(said.decode(errors="replace"), flush=True)
    return child.returncode == 0


def report(ran: list[Part], results: Path) -> int:
    print()
    print(f"{'part':<20}{'budget':>8}{'took':>9}")
    for part in ran:
        late = "  over its budget" if part.seconds > part.budget else ""
        print(f"{part.name:<20}{part.budget:>6} s{part.seconds:>7.1f} s  {'passed' if part.passed else 'FAILED'}{late}")
    checks = [part for part in ran if not part.shows_output]
    passed, failed, skipped = counts(results)
    suite = next(part for part in ran if part.shows_output)
    if not suite.passed and not failed:
        failed = 1  # it broke off before it could count
    passed += sum(part.passed for part in checks)
    failed += sum(not part.passed for part in checks)
    print(f"{skipped} skipped" if skipped else "none skipped")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def counts(results: Path) -> tuple[int, int, int]:
    try:
        suite = ElementTree.parse(results).getroot().find("testsuite")
    except (OSError, ElementTree.ParseError):
        return 0, 0, 0
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    skipped = int(suite.get("skipped"))
    return int(suite.get("tests")) - failed - skipped, failed, skipped


if __name__ == "__main__":
    sys.exit(main())
