"""Nonsense in the environment: one line that names the variable, and never a password."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SOUND = {
    "SECRET_KEY": "a-long-and-random-string-of-characters",
    "DATABASE_URL": "postgres://callboard:sekret@127.0.0.1/callboard",
    "REDIS_URL": "redis://127.0.0.1/0",
}


def check(module: str = "manage.py check", **variables) -> subprocess.CompletedProcess:
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **SOUND, **variables}
    return subprocess.run(
        [sys.executable, *module.split()],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


# What takes long to load is there when it begins; each line in is an environment and a file for what is said, for a
# process that is forked off and runs `manage.py check` in it, and each line out is how that ended.
FORKS = """
import json, os, runpy, sys
import celery.schedules, config.manage
for line in sys.stdin:
    environment, file = json.loads(line)
    if not (child := os.fork()):
        os.environ.clear()
        os.environ.update(environment)
        with open(file, "w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        sys.argv = ["manage.py", "check"]
        code = 0
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Ran(NamedTuple):
    returncode: int
    stderr: str


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """`check`, without what Python and Django take to load each time."""
    said = tmp_path_factory.mktemp("environment") / "said"
    process = subprocess.Popen(
        [sys.executable, "-c", FORKS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def check(**variables: str) -> Ran:
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **SOUND, **variables}
        process.stdin.write(json.dumps([environment, str(said)]) + "\n")
        process.stdin.flush()
        return Ran(int(process.stdout.readline()), said.read_text())

    yield check
    process.communicate(timeout=60)


def test_sound_environment_starts(forked):
    assert check().returncode == 0
    assert forked().returncode == 0
    assert check(PORT="http").stderr == forked(PORT="http").stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("DEBUG", "maybe"),
        ("CALLBOARD_DEMO", "2"),
        ("CALLBOARD_PUBLIC_URL", "example.org"),
        ("CALLBOARD_RATE_LIMITS", "many"),
        ("CALLBOARD_RATE_LIMITS", "0/min"),
        ("CALLBOARD_RATE_LIMITS", "99999999999999999999/min"),
        ("CALLBOARD_LOGS", "xml"),
        ("CALLBOARD_TOKEN_DAYS", "-1"),
        ("CALLBOARD_REAL_IP_HEADER", "a b"),
        ("CALLBOARD_PREPARED_STATEMENTS", "sometimes"),
        ("CALLBOARD_SENTRY_DSN", "https://sentry.example/1"),
        ("ALLOWED_HOSTS", ",,"),
        ("ALLOWED_HOSTS", "http://example.org"),
        ("DATABASE_URL", "mysql://u:sekret@x/y"),
        ("DATABASE_URL", "postgres://u:sekret@127.0.0.1:99999/db"),
        ("DATABASE_URL", "postgres://u:sek ret@[bad/db"),
        ("REDIS_URL", "redis://:sekret@127.0.0.1:notaport"),
        ("REDIS_URL", "redis:/:sekret@127.0.0.1"),
        ("CALLBOARD_METRICS_TOKEN", "sekret sekret sekret"),
    ],
)
def test_nonsense_is_one_line_that_names_the_variable(forked, name, value):
    ran = forked(**{name: value})
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert name in ran.stderr
    assert "sekret" not in ran.stderr
    assert "ret@" not in ran.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_what_is_missing_is_named(forked, name, tmp_path):
    ran = forked(**{name: "", "CALLBOARD_HOME": str(tmp_path)})
    assert ran.returncode == 2
    assert name in ran.stderr
    assert "script/server" in ran.stderr


@pytest.mark.parametrize("name", ["CALLBOARD_WORKERS", "CALLBOARD_WEB_WORKERS", "CALLBOARD_WEB_THREADS"])
def test_size_that_makes_no_sense_is_told_before_anything_is_done(name, tmp_path):
    ran = check("-m config.run", **{name: "many", "CALLBOARD_HOME": str(tmp_path / "home"), "PORT": "18765"})
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)
    assert name in ran.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("CALLBOARD_HOST", "web:80"), ("CALLBOARD_WEB_SOCKET", "/nowhere/web.sock")]
)
def test_place_to_listen_that_makes_no_sense_is_told(name, value):
    ran = check("-m config.web", **{name: value})
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)
    assert name in ran.stderr


def test_address_that_is_not_ours_is_told_with_its_name(tmp_path):
    ran = check("-m config.run", CALLBOARD_HOST="999.1.1.1", CALLBOARD_HOME=str(tmp_path), PORT="18765")
    assert ran.returncode == 2
    assert "CALLBOARD_HOST=999.1.1.1" in ran.stderr


def test_script_manage_stays_in_the_callers_folder():
    """Run as it stands, but for the bootstrap: a file is looked for where the caller is."""
    script = (ROOT / "script" / "manage").read_text()
    assert "cd " not in script.split("root=$(cd")[1].split("\n", 1)[1]
    assert "PYTHONSAFEPATH=1" in script
