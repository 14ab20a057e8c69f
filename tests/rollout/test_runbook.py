"""The runbook, rehearsed: every command of docs/rollout.md, in its order, beside a running API."""

from __future__ import annotations

import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from api import health
from events import demo
from messaging.sms import signs
from rollout import flags, names, read_models

RUNBOOK = Path(__file__).parents[2] / "docs" / "rollout.md"

# Stands for manage.py: thirty starts of Django would take longer than all that they do.
CLIENT = """#!{python} -S
import json, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    server.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    code, told = json.load(server.makefile())
sys.stdout.write(told)
sys.exit(code)
"""


class Commands(socketserver.StreamRequestHandler):
    """Runs the command that it is sent; answers its exit code and what it printed."""

    def handle(self) -> None:
        code, out = 0, StringIO()
        try:
            call_command(*json.loads(self.rfile.readline()), stdout=out, stderr=out)
        except CommandError as error:
            code = error.returncode
            out.write(f"{error}\n")
        finally:
            connections.close_all()
        self.wfile.write(json.dumps([code, out.getvalue()]).encode())


@pytest.fixture
def manage(tmp_path) -> Iterator[Path]:
    address = str(tmp_path / "commands")
    program = tmp_path / "manage"
    program.write_text(CLIENT.format(python=sys.executable, address=address))
    program.chmod(0o700)
    with socketserver.UnixStreamServer(address, Commands) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield program
        server.shutdown()


@contextmanager
def a_worker_that_is_well() -> Iterator[None]:
    """The sign of life that a worker would give: health waits three seconds for a real one, and the machine is busy."""
    is_over = threading.Event()

    def note() -> None:
        for sign in (health.BEAT, health.CANARY, signs.CANARY):
            health.note(sign)

    def beat() -> None:
        while not is_over.wait(0.5):
            note()

    note()
    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        is_over.set()
        beating.join()


def blocks() -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", RUNBOOK.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.django_db(transaction=True)
def test_every_command_of_the_runbook_does_what_it_says(live_server, manage):
    demo.seed()
    environment = {**os.environ, "MANAGE": str(manage), "BASE": live_server.url, "LEAST": "1"}
    script = "set -euo pipefail\n" + "\n".join(blocks())
    with a_worker_that_is_well():
        ran = subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=600, check=False
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("Go.\n") == 6
    assert read_models.live() == "v2"
    assert flags.change(names.MESSAGES_READMODEL_V2, by=None).percent == 0


def test_the_runbook_walks_all_the_way_and_back():
    told = "\n".join(blocks())
    steps = ["feed compare", "rollout check", "--percent $SHARE", "--deactivate", "swap --to v2", "swap --to v1"]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    assert "for SHARE in 10 25 50 100" in told
