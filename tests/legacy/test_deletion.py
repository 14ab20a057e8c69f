"""Without `legacy/` and its line in the settings, the system works: on a new database, and on one that was retired, by
all the commands of docs/legacy.md, each in its place.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import psycopg
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

# The old messenger's own, as they were; the person who asked is one of Callboard's, the others are nobody's yet.
OLD_TABLES = """
CREATE SCHEMA auth;
CREATE TABLE auth.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, created_at timestamptz DEFAULT now()
);
CREATE TABLE public.conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), help_request_id uuid, requester_id uuid REFERENCES auth.users (id),
    helper_id uuid REFERENCES auth.users (id), status text DEFAULT 'active', created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE public.messages (
    id uuid PRIMARY KEY, conversation_id uuid REFERENCES conversations (id), sender_id uuid REFERENCES auth.users (id),
    recipient_id uuid REFERENCES auth.users (id), content text, message_type text DEFAULT 'text',
    status text DEFAULT 'sent', read_at timestamptz, moderation_status text DEFAULT 'approved',
    is_flagged boolean DEFAULT false, flagged_reason text, parent_message_id uuid, thread_id uuid,
    created_at timestamptz, updated_at timestamptz
);
INSERT INTO auth.users (name) SELECT 'Old person ' || n FROM generate_series(1, 8) n;
INSERT INTO conversations (requester_id, helper_id)
SELECT one.id, other.id FROM auth.users one JOIN auth.users other ON one.id < other.id;
INSERT INTO messages (id, conversation_id, sender_id, recipient_id, content, created_at)
SELECT gen_random_uuid(), id, helper_id, requester_id, 'Said long ago ' || n, now() - n * interval '1 day'
FROM conversations, generate_series(1, 5) n;
"""

# What of the walk's is not done by its own words: what attach asks for, what old clients do between the steps.
WALK = """
import contextlib, io, json
from django.core.management import CommandError
from django.db import DatabaseError, connection
def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None
def say():
    sql("INSERT INTO messages (id, conversation_id, sender_id, content) SELECT gen_random_uuid(), id, helper_id, 'Now' "
        "FROM conversations LIMIT 1")
is_read_only = False
for words in json.loads({walk!r}):
    if words[0] == "sql":
        sql(words[1])
        continue
    told = io.StringIO()
    try:
        call_command(*words, stdout=told, stderr=io.StringIO())
    except CommandError as refused:
        # The foreign keys to the old people: with the statements.
        assert words[1] == "attach", (words, refused)
        for drop in str(refused).split("First: ")[1].split("; "):
            sql(drop)
        call_command(*words, stdout=told)
    is_read_only = words[1] == "cutover" or is_read_only and words[1] not in ("rollback", "retire")
    if words[1] != "retire" and sql("SELECT state FROM legacy_bridge") != []:
        try:
            say()
            assert not is_read_only, words
        except DatabaseError as refused:
            assert is_read_only and "read-only since the cutover" in str(refused), (words, refused)
    print("did:", *words)
print("messages:", *sql("SELECT count(*) FROM messaging_message WHERE is_bridged")[0])
"""


def walk() -> list[list[str]]:
    """Every command of the page, and what it says to run as SQL, in its order."""
    text = (ROOT / "docs" / "legacy.md").read_text().replace("SLUG", "demo")
    found = []
    for language, block in re.findall(r"^ *```(sh|sql)\n(.*?)^ *```", text, re.M | re.S):
        if language == "sql":
            found.append(["sql", block])
        else:
            commands = block.replace("&&", "\n").splitlines()
            found += [shlex.split(command.strip().removeprefix("manage.py ")) for command in commands]
    return found


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
        [sys.executable, "-c", RUN.replace("{work}", work), database],
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
        with psycopg.connect(database.url, autocommit=True) as opened:
            opened.execute(OLD_TABLES)
        *steps, last = walk()
        done = run(ROOT, WALK.replace("{walk!r}", repr(json.dumps(steps))), name)
        taken = [line.split()[2] for line in done.splitlines() if line.startswith("did: legacy")]
        assert taken == [
            "status", "attach", "backfill", "verify", "verify", "cutover", "rollback", "verify", "cutover", "retire",
        ]  # fmt: skip
        # All that was there, and one behind each step after which old clients write.
        assert "messages: 148" in done, done
        assert database.rows("SELECT state FROM legacy_bridge") == [("retired",)]
        assert run(without, LIVE_WITHOUT, name).endswith("works\n")
        figure("databases", 1)
        assert last[0] == "sql"
        with psycopg.connect(database.url, autocommit=True) as opened:
            opened.execute(last[1])
