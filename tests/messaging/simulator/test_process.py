"""The process by itself: where it is wanted and where not, and what it says of settings that make no sense."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.environment import REPOSITORY
from tests.messaging.simulator.conftest import PHONE, SECRET, Simulator
from tests.waiting import PATIENCE

TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "2" * 32,
    "TWILIO_FROM": "+15005550006",
}


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"CALLBOARD_SMS_BACKEND": "twilio", **TWILIO}, "CALLBOARD_SMS_BACKEND is not simulator"),
        ({"CALLBOARD_SMS_BACKEND": "pigeons"}, "CALLBOARD_SMS_BACKEND='pigeons' is not valid"),
        (
            {"CALLBOARD_SMS_BACKEND": "simulator", "CALLBOARD_SIMULATOR_PORT": "x"},
            "CALLBOARD_SIMULATOR_PORT='x' is not",
        ),
    ],
)
def test_it_ends_with_one_clear_line(environment, says):
    ended = subprocess.run(
        [sys.executable, "-m", "config.simulator"], cwd=REPOSITORY,
        env={**os.environ, "SECRET_KEY": SECRET, **environment}, capture_output=True,
        text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith(f"callboard: {says}")


def test_no_phone_and_no_text_is_in_its_log(simulator: Simulator, ours):
    simulator.create(body="the canary sings")
    simulator.write("the canary sings")
    simulator.ask("POST", "/inbound", {"from": PHONE, "to": "x", "body": "the canary sings", "more": 1})
    simulator.ask("GET", f"/messages?to={PHONE}")
    log = simulator.log()
    assert "canary" not in log
    assert PHONE[1:] not in log
