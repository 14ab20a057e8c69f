"""The folder in which the default set-up keeps its servers' data, sockets, passwords and logs.

Standard library only: it is read before anything else is up.
"""

import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

REPOSITORY = Path(__file__).resolve().parent.parent

# The kernel takes 107 bytes for the path of a socket; the longest of ours is PostgreSQL's.
SOCKET_PATH_LIMIT = 100
LONGEST_SOCKET = "postgres/.s.PGSQL.5432"


class Unusable(Exception):
    """What the operator reads: one line that names what cannot be used and says why."""


def path() -> Path:
    return Path(os.environ.get("CALLBOARD_HOME") or REPOSITORY / ".callboard").resolve()


def make() -> Path:
    """The folder with its secrets and its place for sockets; what is there stays as it is."""
    home = path()
    if home.exists() and not home.is_dir():
        raise Unusable(f"CALLBOARD_HOME={home} cannot be used: it is not a folder")
    with explained():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone():
            (home / "logs").mkdir(mode=0o700, exist_ok=True)
            for name in ("secret", "postgres-password", "postgres-superuser-password"):
                _keep_secret(home / name)
            _make_socket_folder()
    return home


@contextmanager
def explained() -> Iterator[None]:
    """A full disk, a read-only folder, a file where a folder should be: one line instead of a traceback."""
    try:
        yield
    except OSError as error:
        at = f" ({error.filename})" if error.filename else ""
        raise Unusable(f"CALLBOARD_HOME={path()} cannot be used: {error.strerror or error}{at}") from None


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time makes, starts and changes what is in the folder."""
    with open(path() / "starting", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def only_runner() -> Iterator[None]:
    """One set of processes to a home: they share its sockets."""
    with open(path() / "running", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(f"CALLBOARD_HOME={path()} is in use by another script/server: name another one") from None
        yield


def secret() -> str | None:
    return _read("secret")


def password() -> str | None:
    return _read("postgres-password")


def superuser_password() -> str | None:
    return _read("postgres-superuser-password")


def sockets() -> Path | None:
    """Where the sockets are: `run` in the home, or a short folder elsewhere that `run` points to.

    It counts only while it belongs to the home's owner: a temporary directory is emptied now and then, and
    someone else could put a folder of the same name there.
    """
    run = path() / "run"
    try:
        folder = run.readlink() if run.is_symlink() else run
        found = folder.lstat()
        owned = found.st_uid == path().stat().st_uid and not found.st_mode & 0o002
    except OSError:
        return None
    return folder if owned and stat.S_ISDIR(found.st_mode) else None


def database_url() -> str | None:
    """The application's address of the embedded PostgreSQL, where the home holds one."""
    return _postgres_url("callboard", password(), "callboard")


def superuser_url(database: str = "postgres") -> str | None:
    return _postgres_url("postgres", superuser_password(), database)


def redis_url() -> str | None:
    run = sockets()
    return f"unix://{quote(str(run / 'redis.sock'))}?db=0" if run and (path() / "redis").is_dir() else None


def _postgres_url(user: str, secret: str | None, database: str) -> str | None:
    run = sockets()
    if run is None or secret is None or not (path() / "postgres").is_dir():
        return None
    return f"postgres://{user}:{secret}@/{database}?host={quote(str(run / 'postgres'), safe='')}"


def _read(name: str) -> str | None:
    try:
        return (path() / name).read_text().strip() or None
    except OSError:
        return None


def _keep_secret(file: Path) -> None:
    """A new random word in a file only its owner reads; a half-written one never stands there."""
    if file.exists() and file.stat().st_size:
        return
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_urlsafe(48) + "\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(file)


def _make_socket_folder() -> None:
    if sockets() is not None:
        return
    run = path() / "run"
    run.unlink(missing_ok=True)
    if len(os.fsencode(run / LONGEST_SOCKET)) < SOCKET_PATH_LIMIT:
        run.mkdir(mode=0o700)
        return
    # Not TMPDIR, which may be long itself; mkdtemp makes a folder that nobody else could have put there.
    parent = "/tmp" if os.access("/tmp", os.W_OK) else None  # noqa: S108
    run.symlink_to(tempfile.mkdtemp(prefix="callboard-", dir=parent))
