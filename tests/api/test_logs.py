import json
import logging
import sys

import pytest

from api import logs

CANARY_PHONE = "+4915112345678"
CANARY_TOKEN = "cb_" + "Zx9_-" * 8
CANARY_TEXT = "the-canary-sings-at-midnight"


def line(message: str, *args, formatter=None, exc_info=None, **extra) -> str:
    record = logging.LogRecord("somewhere", logging.ERROR, __file__, 1, message, args, exc_info)
    for name, value in extra.items():
        setattr(record, name, value)
    return (formatter or logs.JsonFormatter()).format(record)


@pytest.mark.parametrize("formatter", [logs.JsonFormatter(), logs.ReadableFormatter()])
@pytest.mark.parametrize(
    "message",
    [
        f"sent to {CANARY_PHONE}",
        "sent to +49 151 1234-5678",
        "GET /x?phone=%2B4915112345678",
        "from 015112345678 to",
        "from 4915112345678, 2 texts",
        f"Authorization: Bearer {CANARY_TOKEN}",
        f"token={CANARY_TOKEN}",
        "postgres://callboard:hunter2secret@db/callboard",
        f"duplicate key value\nDETAIL:  Key (phone)=({CANARY_PHONE}) already exists.",
    ],
)
def test_line_is_scrubbed_of_phones_tokens_and_passwords(formatter, figure, message):
    written = line(message, formatter=formatter)
    secrets = ("15112345678", "151 1234", CANARY_TOKEN, "hunter2secret")
    figure("lines searched", 1)
    figure("hits", sum(secret in written for secret in secrets))
    for secret in secrets:
        assert secret not in written


def test_line_of_an_exception_has_its_type_and_frames_but_not_its_message():
    try:
        raise ValueError(CANARY_TEXT)
    except ValueError:
        written = json.loads(line("unexpected fault", exc_info=sys.exc_info()))
    assert written["error"]["type"] == "builtins.ValueError"
    assert "test_line_of_an_exception" in written["error"]["frames"][-1]
    assert CANARY_TEXT not in json.dumps(written)


def test_line_with_half_a_character_is_scrubbed_as_well():
    written = line(f"half \ud83d of one, to {CANARY_PHONE}")
    assert json.loads(written)["message"] == "half \ud83d of one, to [phone]"
    written.encode()


def test_line_of_a_failed_task_leaves_out_what_celery_quotes():
    written = line(f"Task api.tasks.canary[3f] raised unexpected: ValueError('{CANARY_TEXT}')\nTraceback ...")
    assert CANARY_TEXT not in written
    assert "api.tasks.canary" in written


def test_json_line_holds_the_fields_of_a_request():
    written = json.loads(line("answered", method="GET", route="api/v1/me", status=200, duration_ms=1.5, user_id="u"))
    assert written["route"] == "api/v1/me"
    assert written["status"] == 200
    assert written["level"] == "error"
    assert written["at"].endswith("Z")


def test_ids_and_times_are_not_mistaken_for_phones():
    message = "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b at 2026-11-20T22:30:00 took 0.0012345678 s"
    assert message in line(message, formatter=logs.ReadableFormatter())
