"""What script/lock --audit makes of pip-audit's reports; with CALLBOARD_PIP_AUDIT naming one, by that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from config.environment import REPOSITORY

# As pip-audit 2.10.1 wrote them: of two packages one has a hole; none; the database not reached, by either service.
HOLE = {"id": "CVE-2026-0000", "fix_versions": ["99.0"], "aliases": ["GHSA-0000-0000-0000"], "description": "Made up"}
NO_HOLE = {"name": "redis", "version": "6.4.0", "vulns": []}
SKIPPED = {"skip_reason": "Dependency not found on PyPI and could not be audited: {}"}
REPORTS = {
    "a hole": ([{"name": "django", "version": "5.2.8", "vulns": [HOLE]}, NO_HOLE], 1, 1,
               "django 5.2.8: CVE-2026-0000, mended in 99.0. Made up"),
    "none": ([NO_HOLE], 0, 0, "1 packages were asked about: no advisory."),
    "nobody asked": ([{"name": "django", **SKIPPED}, {"name": "redis", **SKIPPED}], 0, 2,
                     "Of 2 of 2 packages the advisory database has not told: django, redis.\nNo audit was made."),
    "one not asked": ([{"name": "django", **SKIPPED}, NO_HOLE], 0, 2,
                      "Of 1 of 2 packages the advisory database has not told: django.\nNo audit was made of these."),
    "nothing at all": ([], 0, 2, "No audit was made."),
}  # fmt: skip


def audit(program: Path | str, lock: Path, *more: str) -> tuple[int, str]:
    """By a Python without anything, as script/lock does it."""
    command = [sys.executable, "-I", "-S", str(REPOSITORY / "config" / "advisories.py"), str(program), str(lock), *more]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return ran.returncode, ran.stdout + ran.stderr


def stand_in(folder: Path, *, says: str = "", complains: str = "", code: int) -> Path:
    program = folder / "pip-audit"
    lines = [f"#!{sys.executable} -S", "import sys", f"sys.stdout.write({says!r})", f"sys.stderr.write({complains!r})"]
    program.write_text("\n".join([*lines, f"sys.exit({code})\n"]))
    program.chmod(0o700)
    return program


@pytest.mark.parametrize(("packages", "ended", "code", "words"), REPORTS.values(), ids=REPORTS)
def test_a_report_is_read_and_the_code_says_what_came_of_it(tmp_path, packages, ended, code, words):
    program = stand_in(tmp_path, says=json.dumps({"dependencies": packages, "fixes": []}), code=ended)
    found, told = audit(program, tmp_path / "some.lock")
    assert found == code
    assert words in told


def test_one_that_breaks_off_has_made_no_audit(tmp_path):
    program = stand_in(tmp_path, complains="Traceback …\nConnectionError: Failed to resolve 'api.osv.dev'\n", code=1)
    found, told = audit(program, tmp_path / "some.lock")
    assert found == 2
    assert told.splitlines() == [
        "pip-audit could not ask the advisory database: ConnectionError: Failed to resolve 'api.osv.dev'",
        "No audit was made.",
    ]


def test_the_script_ends_with_what_it_ends_with():
    last = (REPOSITORY / "script" / "lock").read_text().splitlines()[-1]
    assert "config/advisories.py" in last
    assert "requirements-dev.lock" in last


class Database(BaseHTTPRequestHandler):
    """Speaks OSV, and knows of one hole."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        affected = {"package": {"name": "django", "ecosystem": "PyPI"}, "versions": ["5.2.8"]}
        affected["ranges"] = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]
        hole = {"id": "CVE-2026-0000", "summary": "Made up", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}
        body = json.dumps({"vulns": [hole]} if asked == "django" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


if os.environ.get("CALLBOARD_PIP_AUDIT"):

    @pytest.fixture
    def lock(tmp_path) -> Path:
        pins = "".join(f"{pin} --hash=sha256:{'a' * 64}\n" for pin in ("django==5.2.8", "redis==6.4.0"))
        (tmp_path / "two.lock").write_text(pins)
        return tmp_path / "two.lock"

    def test_the_real_one_tells_of_a_hole(lock):
        with HTTPServer(("127.0.0.1", 0), Database) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/v1/query"
            found = audit(os.environ["CALLBOARD_PIP_AUDIT"], lock, "-s", "osv", "--osv-url", address)
            server.shutdown()
        assert found == (1, "django 5.2.8: CVE-2026-0000, mended in 99.0. Made up\n")

    def test_the_real_one_reaches_nobody(lock):
        nobody = ("-s", "osv", "--osv-url", "http://127.0.0.1:9/v1/query")
        found, told = audit(os.environ["CALLBOARD_PIP_AUDIT"], lock, *nobody)
        assert found == 2
        assert told.endswith("No audit was made.\n")
