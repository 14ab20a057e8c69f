"""The whole site as a browser meets it: web and stream behind the front, on the database and Redis of the test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from config.environment import REPOSITORY
from tests.waiting import PATIENCE, free_port, wait_until

PROCESSES = ("config.web", "config.stream", "config.front")
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _environment(port: int, sockets: Path) -> dict[str, str]:
    parts = urlsplit(settings.DATABASE_URL)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    return kept | {
        "PORT": str(port),
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "CALLBOARD_WEB_SOCKET": str(sockets / "web.sock"),
        "CALLBOARD_STREAM_SOCKET": str(sockets / "stream.sock"),
        "CALLBOARD_RATE_LIMITS": "1000000/min",
        "CALLBOARD_WEB_WORKERS": "1",
        "CALLBOARD_WEB_THREADS": "4",
    }


def _answers(address: str) -> bool:
    try:
        _direct.open(address, timeout=5).close()
        return True
    except OSError:
        return False


@contextmanager
def running() -> Iterator[str]:
    """Its address, once it answers."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="cb-") as folder:
        environment = _environment(port, Path(folder))
        started = [
            subprocess.Popen(
                [sys.executable, "-m", name],
                cwd=REPOSITORY,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name in PROCESSES
        ]
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(f"{address}/api/health/ready") and (Path(folder) / "stream.sock").exists())
            yield address
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(PATIENCE)
