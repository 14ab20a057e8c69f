"""Places at which a worker can be made to die, so that tests see what it leaves behind.

CALLBOARD_CRASH_AT names one; `name:3` is its third time in a process. With CALLBOARD_CRASH_ONCE, the path of a file,
only the first process to come there dies. Never with a real provider.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from django.conf import settings

CLAIMED = "after_claim"
BEGUN = "before_call"
ACCEPTED = "after_provider_accepted"
BEFORE_COMMIT = "before_commit"
COMMITTED = "after_commit"
LOOKED = "after_look"

# Each with what a worker has done by then.
POINTS = {
    CLAIMED: "rows are claimed, and no call has begun",
    BEGUN: "a call is noted as begun, and not made",
    ACCEPTED: "the provider has answered, and nobody has noted it",
    BEFORE_COMMIT: "a batch's results are written, and not committed",
    COMMITTED: "a batch's results are committed",
    LOOKED: "the provider was asked about an unknown text, and nobody has noted its answer",
}

_passed: dict[str, int] = {}


def reach(point: str) -> None:
    wanted, _, time = os.environ.get("CALLBOARD_CRASH_AT", "").partition(":")
    if wanted != point or settings.SMS_BACKEND != "simulator":
        return
    _passed[point] = _passed.get(point, 0) + 1
    if _passed[point] == int(time or 1) and _is_first():
        os.kill(os.getpid(), signal.SIGKILL)


def _is_first() -> bool:
    marker = os.environ.get("CALLBOARD_CRASH_ONCE")
    if not marker:
        return True
    with suppress(FileExistsError):
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return True
    return False
