"""A real browser, talked to through a pipe: it opens a page, runs what a test asks it, and keeps what went wrong."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from contextlib import suppress

import pytest

from tests.waiting import PATIENCE, wait_until

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
WRONG = ("Runtime.exceptionThrown", "Log.entryAdded")


def program() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found and os.environ.get("CALLBOARD_REQUIRE_BROWSER"):
        pytest.fail("Chromium is required and not here")
    return found or pytest.skip("Chromium is not here: the page was not looked at in a browser")


def give(their_input: int, their_output: int) -> None:
    """It reads from 3 and writes to 4, whichever numbers the pipes have here."""
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (their_input, their_output)]
    for end, number in zip(ends, (3, 4), strict=True):
        os.dup2(end, number)
        os.close(end)


class Browser:
    """`wrong` is what its console complained of: scripts that threw, what a policy refused, what was not found."""

    def __init__(self, folder, *options: str):
        command = [program(), *OPTIONS, f"--user-data-dir={folder}", *options, "about:blank"]
        their_input, self.output = os.pipe()
        self.input, their_output = os.pipe()
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=lambda: give(their_input, their_output),
        )  # fmt: skip
        os.close(their_input), os.close(their_output)
        self.number, self.rest, self.session, self.wrong = 0, b"", None, []
        (page,) = [target for target in self.ask("Target.getTargets")["targetInfos"] if target["type"] == "page"]
        self.session = self.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for part in ("Page", "Runtime", "Log"):
            self.ask(f"{part}.enable")

    def ask(self, method: str, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            if answer.get("method") in WRONG:
                self.wrong.append(answer["params"])
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict:
        while b"\0" not in self.rest:
            read = os.read(self.input, 65536)
            assert read, "the browser has ended"
            self.rest += read
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def run(self, script: str):
        """What the script comes to, in the page."""
        found = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def wait(self, script: str) -> None:
        wait_until(lambda: self.run(script))

    def close(self) -> None:
        with suppress(OSError, AssertionError):
            self.ask("Browser.close")
        self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.input), os.close(self.output)
