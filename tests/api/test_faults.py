"""A fault is reported to a Sentry that is set, with its type, frames and ids, and with nothing that is personal."""

from __future__ import annotations

import json
import subprocess
import sys

from config.environment import REPOSITORY
from tests.api.receivers import receiver
from tests.waiting import PATIENCE, wait_until

PHONE, TOKEN, TEXT = "+4915112345678", "cb_" + "Zx9_-" * 8, "the-canary-sings-at-midnight"

# A process of its own: what the library does to logging stays there.
PROGRAM = f"""
import logging, sys
from api import faults, logs
faults.begin("http://key@127.0.0.1:" + sys.argv[1] + "/1", environment="test")
logs.context.set({{"request_id": "a-request-id", "user_id": "a-user-id", "task": "messaging.tasks.send_texts"}})

class Refused(Exception):
    sqlstate = "23505"

def deep(phone, token):
    text = "{TEXT}"
    raise Refused(f"{{text}} of {{phone}} with {{token}}")

try:
    deep("{PHONE}", "{TOKEN}")
except Refused:
    logging.getLogger("messaging.views").exception("unexpected fault of %s", "{TEXT} {PHONE}")
logging.getLogger("api.requests").error("answered")
logging.getLogger("messaging.views").warning("a warning is none")
import sentry_sdk
sentry_sdk.get_client().close(timeout=20)
"""


def reported() -> tuple[dict, str]:
    with receiver() as (port, taken):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(port)], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        wait_until(lambda: taken, PATIENCE)
    whole = b"\n".join(body for _, body in taken).decode()
    events = [json.loads(line) for line in whole.splitlines() if '"exception"' in line or '"logentry"' in line]
    assert len(events) == 1, whole
    return events[0], whole


def test_a_fault_is_reported_without_what_is_personal():
    event, whole = reported()
    for secret in (PHONE, PHONE[1:], TOKEN, TEXT, "a-user-id"):
        assert secret not in whole
    (thrown,) = event["exception"]["values"]
    assert (thrown["type"], thrown["value"]) == ("Refused", "")
    frames = thrown["stacktrace"]["frames"]
    assert frames[-1]["function"] == "deep"
    assert not any("vars" in frame or "context_line" in frame for frame in frames)
    assert event["logentry"]["message"] == "unexpected fault of %s"
    assert event["tags"] == {
        "request_id": "a-request-id", "task": "messaging.tasks.send_texts", "sqlstate": "23505"
    }  # fmt: skip
    assert not {"request", "user", "breadcrumbs", "extra", "contexts", "modules", "server_name"} & set(event)


def test_without_a_dsn_it_is_not_even_loaded():
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup(); import sys; print('sentry_sdk' in sys.modules)"],
        cwd=REPOSITORY,
        env={**__import__("os").environ, "DJANGO_SETTINGS_MODULE": "config.settings", "CALLBOARD_SENTRY_DSN": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "False", done.stderr
