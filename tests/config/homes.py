"""Real homes for tests: short-lived folders, and processes that use their servers as script/server does."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from config.environment import REPOSITORY
from tests.waiting import wait_until

HOLD = """
import sys
from config import home, servers
with servers.in_use(make=True):
    print("up", flush=True)
    for _ in sys.stdin:
        servers.keep_up()
        print("looked after", flush=True)
"""
STATUS = """
from config import embedded_postgres, embedded_redis
print(embedded_postgres.runs(), embedded_redis.runs())
"""
QUERY = """
import sys, psycopg
from config import home
with psycopg.connect(home.database_url(), autocommit=True) as connection:
    cursor = connection.execute(sys.argv[1])
    print(cursor.fetchone()[0] if cursor.description else "")
"""
SECONDS = 300


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of the suite's own servers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CALLBOARD_", "PG"))}
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT", "DEBUG"):
        kept.pop(name, None)
    return kept | {"CALLBOARD_HOME": str(folder), "PYTHONPATH": str(REPOSITORY)} | more


class Home:
    def __init__(self, folder: Path, run_as: tuple[str, ...] = (), **variables: str):
        self.folder = folder
        self.run_as = run_as
        self.environment = environment(folder, **variables)
        self.users: list[subprocess.Popen] = []

    def python(self, code: str, *arguments: str) -> str:
        result = self.run(sys.executable, "-c", code, *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def run(self, *command) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*self.run_as, *command],
            env=self.environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip

    def use(self) -> subprocess.Popen:
        """A process that has the servers running until it is left or killed."""
        user = subprocess.Popen(
            [*self.run_as, sys.executable, "-c", HOLD],
            env=self.environment, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.users.append(user)
        assert user.stdout.readline() == "up\n"
        return user

    @staticmethod
    def look_after(user: subprocess.Popen) -> None:
        """As script/server does every second."""
        user.stdin.write("\n")
        user.stdin.flush()
        assert user.stdout.readline() == "looked after\n"

    @staticmethod
    def leave(user: subprocess.Popen) -> int:
        user.stdin.close()
        return user.wait(SECONDS)

    def status(self) -> str:
        return self.python(STATUS)

    def query(self, statement: str) -> str:
        """The first value of the last row, as the application's user."""
        return self.python(QUERY, statement)

    def processes(self) -> list[int]:
        """Of the two servers, found by the folders they work in."""
        wanted = {str(self.folder / "postgres"), str(self.folder / "redis")}
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "cwd") in wanted:
                    found.append(int(process.name))
        return found

    def kill_everything(self) -> None:
        for user in self.users:
            user.kill()
            user.wait()
        self.kill_servers()

    def kill_servers(self) -> None:
        killed = self.processes()
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.processes() and all(has_ended(pid) for pid in killed))

    def clear_away(self) -> None:
        self.kill_everything()
        run = self.folder / "run"
        if run.is_symlink():
            shutil.rmtree(run.readlink(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def has_ended(pid: int) -> bool:
    """With all its threads: until then a process listens, though it works in no folder any more."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        return state in "ZX" and len(os.listdir(f"/proc/{pid}/task")) == 1
    except OSError:
        return True


@contextlib.contextmanager
def short_folder():
    """pytest's own folders have paths too long for sockets; this one is closed to everyone else."""
    folder = Path(tempfile.mkdtemp(prefix="cb-", dir="/tmp"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
