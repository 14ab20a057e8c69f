"""Nonsense in the environment: one line that names the variable, and never a password."""

import os
import subprocess
import sys
from pathlib import Path

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


def test_sound_environment_starts():
    assert check().returncode == 0


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
        ("ALLOWED_HOSTS", ",,"),
        ("ALLOWED_HOSTS", "http://example.org"),
        ("DATABASE_URL", "mysql://u:sekret@x/y"),
        ("DATABASE_URL", "postgres://u:sekret@127.0.0.1:99999/db"),
        ("DATABASE_URL", "postgres://u:sek ret@[bad/db"),
        ("REDIS_URL", "redis://:sekret@127.0.0.1:notaport"),
    ],
)
def test_nonsense_is_one_line_that_names_the_variable(name, value):
    ran = check(**{name: value})
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert name in ran.stderr
    assert "sekret" not in ran.stderr
    assert "ret@" not in ran.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_what_is_missing_is_named(name, tmp_path):
    ran = check(**{name: "", "CALLBOARD_HOME": str(tmp_path)})
    assert ran.returncode == 2
    assert name in ran.stderr
    assert "script/server" in ran.stderr


@pytest.mark.parametrize("name", ["CALLBOARD_WORKERS", "CALLBOARD_WEB_WORKERS", "CALLBOARD_WEB_THREADS"])
def test_size_that_makes_no_sense_is_told_before_anything_is_done(name, tmp_path):
    ran = check("-m config.run", **{name: "many", "CALLBOARD_HOME": str(tmp_path / "home"), "PORT": "18765"})
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)
    assert name in ran.stderr
    assert not (tmp_path / "home").exists()


def test_address_that_is_not_ours_is_told_with_its_name(tmp_path):
    ran = check("-m config.run", CALLBOARD_HOST="999.1.1.1", CALLBOARD_HOME=str(tmp_path), PORT="18765")
    assert ran.returncode == 2
    assert "CALLBOARD_HOST=999.1.1.1" in ran.stderr


def test_script_manage_stays_in_the_callers_folder():
    """Run as it stands, but for the bootstrap: a file is looked for where the caller is."""
    script = (ROOT / "script" / "manage").read_text()
    assert "cd " not in script.split("root=$(cd")[1].split("\n", 1)[1]
    assert "PYTHONSAFEPATH=1" in script
