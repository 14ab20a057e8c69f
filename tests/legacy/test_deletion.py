"""Without `legacy/` and its line in the settings, the system works: on a new database, and on one that was retired."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.databases import ROOT, an_empty_database

# What is left out of the copy: not the system's, or not needed to run it.
ASIDE = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".callboard",
    "tests",
    "benchmarks",
    "docs",
    ".ruff_cache",
    ".pytest_cache",
    "legacy",
)

RUN = """
import sys
from django.conf import settings
import config.settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
{work}
"""

WHOLE = """
call_command("check")
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
"""

LIVE_WITHOUT = """
from io import StringIO
import importlib.util
assert importlib.util.find_spec("legacy") is None
told = StringIO()
call_command("seed_demo", json=True, stdout=told)
import json
from django.test import Client
demo = json.loads(told.getvalue())
def call(who, method, address, body=None):
    token = demo["users"][who]["token"]
    return Client().generic(method, "/api/v1" + address, json.dumps(body) if body else b"", "application/json",
                            headers={"Authorization": f"Bearer {token}"})
event, attendee = demo["event_id"], demo["users"]["attendee_2"]["id"]
started = call("organizer", "POST", f"/events/{event}/conversations", {"recipient_id": attendee, "content": "Hi"})
assert started.status_code in (201, 409), started.content
body = started.json()
talk = body["conversation"]["id"] if started.status_code == 201 else body["conversation_id"]
sent = call("attendee_2", "POST", f"/conversations/{talk}/messages", {"content": "Yes"})
assert sent.status_code == 201, sent.content
assert body.get("version", "v2") == "v2"
assert call("attendee", "GET", f"/features?event={event}").json()["messaging_v2"] is True
assert call("attendee_2", "GET", f"/events/{event}/feed").json()["items"][0]["content"] == "Yes"
print("works")
"""

LEAVE = """
for step in ("attach", "backfill", "verify", "cutover", "retire"):
    call_command("legacy", step, *(["--event", "demo"] if step == "attach" else []))
"""


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    place = tmp_path_factory.mktemp("without") / "callboard"
    shutil.copytree(ROOT, place, ignore=ASIDE)
    settings = place / "config" / "settings.py"
    lines = settings.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.strip() != '"legacy",']
    assert len(lines) - len(kept) == 1
    settings.write_text("".join(kept))
    return place


def run(place, work: str, database: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", RUN.format(work=work), database],
        cwd=place,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "CALLBOARD_RATE_LIMITS": "off"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_without_it_the_system_works_on_a_new_database_and_on_one_that_was_retired(db, without, figure):
    """One database for both, as its migrations take the longest: those of `legacy` come behind all the others."""
    with an_empty_database() as database:
        name = database.parameters["dbname"]
        assert run(without, WHOLE + LIVE_WITHOUT, name).endswith("works\n")
        figure("databases", 1)
        assert database.rows("SELECT to_regclass('legacy_bridge')") == [(None,)]
        run(ROOT, LEAVE, name)
        assert database.rows("SELECT state FROM legacy_bridge") == [("retired",)]
        assert run(without, LIVE_WITHOUT, name).endswith("works\n")
        figure("databases", 1)
