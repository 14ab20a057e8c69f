"""The embedded servers of the default set-up, as all who use them see them.

Whoever uses them holds a shared lock on the home; who leaves last stops them. So Ctrl-C of script/server
stops everything, and a script/manage beside it leaves everything running.
"""

import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ECONNREFUSED, ENOENT

from config import embedded_postgres, embedded_redis, home
from config.home import Unusable

SERVERS = (embedded_postgres, embedded_redis)


def needed(*, make: bool) -> list:
    """Those whose address the environment does not name; only made ones, unless more may be made."""
    unnamed = [server for server in SERVERS if not os.environ.get(server.VARIABLE, "").strip()]
    return [server for server in unnamed if make or server.made()]


def set_defaults() -> None:
    """What the default set-up switches on: the demo, where both servers are its own."""
    if len(needed(make=True)) == len(SERVERS):
        os.environ.setdefault("CALLBOARD_DEMO", "on")


@contextmanager
def in_use(*, make: bool) -> Iterator[None]:
    """The servers run while this is open. `make` makes the home and the servers where there are none."""
    servers = needed(make=make)
    if make or servers:
        home.make()
    if not servers:
        yield
        return
    with _lock() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # waits while somebody is stopping them
        try:
            with home.explained():
                _start(servers)
            yield
        finally:
            with _undisturbed():
                _stop_if_last(lock)


def keep_up() -> None:
    """Starts again what was killed under whoever uses them; while they are in use nobody else stops them."""
    gone = [server for server in needed(make=False) if _is_gone(server)]
    try:
        with home.explained():
            _start(gone)
    except Unusable as error:
        # Tried again at the next look: nothing else gets better by ending with it.
        say(str(error))
    for server in gone:
        if server.runs():
            say(f"{_name(server)} had ended and was started again")


def _is_gone(server) -> bool:
    """Nobody listens any more. One that is only slow to answer is left alone."""
    folder = home.sockets()
    with socket.socket(socket.AF_UNIX) as client:
        return folder is None or client.connect_ex(str(folder / server.SOCKET)) in (ECONNREFUSED, ENOENT)


def _name(server) -> str:
    return server.__name__.rpartition("_")[2]


def stop() -> bool:
    """Stops them unless somebody uses them."""
    with _lock() as lock:
        return _stop_if_last(lock)


def _lock():
    with home.explained():
        return open(home.path() / "in-use", "a")


def _start(servers: list) -> None:
    with home.alone():
        for server in servers:
            server.start(say)


def _stop_if_last(lock) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    for server in SERVERS:
        server.stop()
    return True


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not leave half of them running."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def say(text: str) -> None:
    sys.stderr.write(f"callboard: {text}\n")


def main(arguments: list[str]) -> int:
    if arguments == ["status"]:
        for server in SERVERS:
            sys.stdout.write(f"{_name(server)}: {'running' if server.runs() else 'stopped'}\n")
        return 0
    if arguments == ["stop"]:
        if not home.path().is_dir() or stop():
            return 0
        say("somebody is using them")
        return 1
    say("python -m config.servers status|stop")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
