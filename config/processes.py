"""Runs the Procfile's processes side by side, and starts again what ends by itself."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Process

from config.home import Unusable

KILL_AFTER = 5
FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_AFTER = 0.5, 10, 60
# What our processes end with when a setting makes no sense: trying again would not help.
MISCONFIGURED = 2
LOG_LIMIT = 10 * 1024 * 1024
ASK_TO_DIE_WITH_PARENT = 1


class Child(Process):
    """One line of the Procfile, writing to a log file of its own instead of through us."""

    log: Path
    log_began = 0
    lives = 0
    pause = FIRST_PAUSE
    started_at = due_at = 0.0
    running: subprocess.Popen | None = None

    def start(self) -> None:
        with open(self.log, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as output:
            self.log_began = output.tell()
            self.running = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {self.cmd}"],
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self.started_at = time.monotonic()
        self.lives += 1

    def ended(self) -> int | None:
        return self.running.poll() if self.running else None

    def terminate(self) -> None:
        """Asks the first process alone: it knows best how to end those it started."""
        if self.running and self.running.poll() is None:
            self.running.terminate()

    def kill(self) -> None:
        """All of its processes, also those that a killed first one left behind."""
        if self.running:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.running.pid, signal.SIGKILL)

    def last_words(self) -> list[str]:
        """Of this life alone."""
        with open(self.log, "rb") as log:
            log.seek(max(self.log_began, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-5:]


class Processes(Manager):
    """honcho's manager ends everything when one process ends; this one keeps everything running.

    And its output does not pass through us: at thousands of requests a second that would cost a good part of a
    core, and the addresses and sign-ins would scroll away.
    """

    def __init__(
        self,
        procfile: Path,
        *,
        logs: Path,
        environment: dict[str, str],
        without: Container[str] = (),
        beside: Callable[[], None] = lambda: None,
    ):
        """`beside` is called every second: it looks after what these processes need."""
        super().__init__()
        self._beside, self._next_beside = beside, 0.0
        self._process_ctor = Child
        self._children: list[Child] = []
        for name, command in parse_procfile(procfile.read_text()).processes.items():
            if name in without:
                continue
            child = self.add_process(name, command, env=environment, cwd=procfile.parent)
            child.log = logs / f"{name}.log"
            if child.log.exists() and child.log.stat().st_size > LOG_LIMIT:
                child.log.replace(logs / f"{name}.log.1")
            self._children.append(child)

    def loop(self) -> None:
        """Until an exception (a signal's) comes through; then nothing is left running."""
        try:
            for child in self._children:
                child.start()
            while True:
                if time.monotonic() >= self._next_beside:
                    self._beside()
                    self._next_beside = time.monotonic() + 1
                for child in self._children:
                    self._look_after(child)
                time.sleep(0.1)
        finally:
            self._end_all()

    def _look_after(self, child: Child) -> None:
        code, now = child.ended(), time.monotonic()
        if code is None:
            return
        if child.due_at == 0:
            child.kill()
            if code == MISCONFIGURED and child.lives == 1:
                said = child.last_words() or [f"{child.name} does not start, see {child.log}"]
                raise Unusable(said[-1].removeprefix("callboard: "))
            if now - child.started_at > HEALTHY_AFTER:
                child.pause = FIRST_PAUSE
            self._system_print(f"{child.name} ended ({_how(code)}), again in {child.pause:g} s; {child.log} says\n")
            self._system_print("".join(f"    {line}\n" for line in child.last_words()))
            child.due_at = now + child.pause
            child.pause = min(child.pause * 2, LONGEST_PAUSE)
        elif now >= child.due_at:
            child.due_at = 0
            child.start()

    def _end_all(self) -> None:
        for child in self._children:
            child.terminate()
        until = time.monotonic() + KILL_AFTER
        while time.monotonic() < until and any(child.running and child.ended() is None for child in self._children):
            time.sleep(0.02)
        for child in self._children:
            child.kill()
            if child.running:
                child.running.wait()


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """Should we be killed with -9, the processes end too instead of keeping the port."""
    if _libc:
        _libc.prctl(ASK_TO_DIE_WITH_PARENT, signal.SIGTERM)
