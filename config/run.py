"""script/server: from an empty folder to a running system on one port, and back on Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import psycopg
import redis
from django.conf import settings

from config import home, servers
from config.environment import REPOSITORY, Misconfigured, boolean, exit_clearly, read, url, whole_number
from config.home import Unusable
from config.processes import MISCONFIGURED, Processes

READY_WITHIN = 60


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        port = read("PORT", whole_number(1, 65535), 8000)
        check_port(port)
        check_sizes()
        servers.set_defaults()
        check_named_servers()
        home.make()
        with home.only_runner(), servers.in_use(make=True):
            run(port)
    except KeyboardInterrupt:
        servers.say("stopped")
    except (Misconfigured, Unusable) as error:
        exit_clearly(error)
    return 0


def _stop(*_) -> None:
    """The first signal ends us by way of every `finally`; another one changes nothing."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def check_port(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((read("CALLBOARD_HOST", str, "127.0.0.1"), port))
            listener.listen()
        except OSError as error:
            host = os.environ.get("CALLBOARD_HOST", "").strip()
            blamed = f"CALLBOARD_HOST={host} and PORT={port}" if host else f"PORT={port}"
            raise Misconfigured(f"{blamed} cannot be used: {error.strerror}; name another one") from None


def check_sizes() -> None:
    """What the processes would find out only after everything else was done."""
    for name in ("CALLBOARD_WORKERS", "CALLBOARD_TEXT_WORKERS"):
        read(name, whole_number(1, 64), None)
    for name in ("CALLBOARD_WEB_WORKERS", "CALLBOARD_WEB_THREADS"):
        read(name, whole_number(1, 256), None)


def check_named_servers() -> None:
    """Servers that the environment names: one line says which does not answer, and never a password."""
    database = read("DATABASE_URL", url("postgres", "postgresql"), None)
    if database:
        try:
            with psycopg.connect(database, connect_timeout=5) as connection:
                version = connection.info.server_version
        except psycopg.Error as error:
            raise Misconfigured(f"DATABASE_URL: {_where(database)} does not answer: {_first_line(error)}") from None
        if version < 150000:
            raise Misconfigured(f"DATABASE_URL: {_where(database)} is PostgreSQL {version // 10000}; 15 is the oldest")
    broker = read("REDIS_URL", url("redis", "rediss", "unix"), None)
    if broker:
        try:
            found = redis.Redis.from_url(broker, socket_connect_timeout=5, socket_timeout=5).info("server")
        except (redis.RedisError, ValueError) as error:
            raise Misconfigured(f"REDIS_URL: {_where(broker)} does not answer: {_first_line(error)}") from None
        if tuple(map(int, found["redis_version"].split(".")[:2])) < (6, 2):
            raise Misconfigured(f"REDIS_URL: {_where(broker)} is Redis {found['redis_version']}; 6.2 is the oldest")


def _where(address: str) -> str:
    parts = urlsplit(address)
    if parts.hostname:
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    return parse_qs(parts.query).get("host", [parts.path])[0]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def run(port: int) -> None:
    environment = process_environment()
    _migrate(environment)
    demo = _seed_demo(environment) if read("CALLBOARD_DEMO", boolean, False) else None
    processes = Processes(
        REPOSITORY / "Procfile",
        logs=home.path() / "logs",
        environment=environment,
        without=() if has_simulator() else {"simulator"},
        beside=servers.keep_up,
    )
    threading.Thread(target=_announce, args=(port, demo), daemon=True).start()
    processes.loop()


def process_environment() -> dict[str, str]:
    """No secrets: processes read those in the home themselves."""
    return os.environ | {
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "CALLBOARD_HOME": str(home.path()),
        "CALLBOARD_WEB_SOCKET": str(home.sockets() / "web.sock"),
        "CALLBOARD_STREAM_SOCKET": str(home.sockets() / "stream.sock"),
        "CALLBOARD_SIMULATOR_SOCKET": str(home.sockets() / "simulator.sock") if has_simulator() else "",
        "CALLBOARD_HOST": read("CALLBOARD_HOST", str, "127.0.0.1"),
        "CALLBOARD_REAL_IP_HEADER": "X-Real-IP",
        "CALLBOARD_BEAT_FILE": str(home.path() / "beat-schedule"),
    }


def has_simulator() -> bool:
    """As the other processes see it; the settings need the servers, which run by now."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    return settings.SMS_BACKEND == "simulator"


def _migrate(environment: dict[str, str]) -> None:
    result = _manage("migrate", "--no-input", environment=environment)
    if result.returncode:
        raise _why("migrate", "the database could not be migrated", result)
    applied = result.stdout.count("... OK")
    servers.say(f"database ready, {applied} migrations applied" if applied else "database ready")


def _why(command: str, failed: str, result: subprocess.CompletedProcess) -> Unusable:
    said = result.stderr.strip() or "it says nothing"
    if result.returncode == MISCONFIGURED:
        return Unusable(said.removeprefix("callboard: "))
    if said.startswith("CommandError: "):  # written for the reader, who may need all of it
        return Unusable(f"{failed}: {said.removeprefix('CommandError: ')}")
    log = home.path() / "logs" / f"{command}.log"
    log.write_text(f"{result.stdout}{result.stderr}")
    return Unusable(f"{failed}: {said.splitlines()[-1]} (more in {log})")


def _seed_demo(environment: dict[str, str]) -> dict:
    result = _manage("seed_demo", "--json", environment=environment)
    if result.returncode:
        raise _why("seed_demo", "the demo could not be loaded", result)
    return json.loads(result.stdout)


def _manage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Gone for certain when a signal ends us meanwhile: it holds the servers too, and would keep them running."""
    command = subprocess.Popen(
        [sys.executable, REPOSITORY / "manage.py", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = command.communicate()
    finally:
        command.kill()
        command.wait()
    return subprocess.CompletedProcess(command.args, command.returncode, output, errors)


def _announce(port: int, demo: dict | None) -> None:
    address = f"http://127.0.0.1:{port}"
    not_ready = _wait_until_ready(address)
    lines = [
        "",
        f"Callboard is running on {address}",
        "",
        f"  Start here      {address}/",
        f"  API documents   {address}/api/docs",
        f"  Administration  {address}/admin/",
        *([f"  SMS simulator   {address}/simulator"] if has_simulator() else []),
        f"  Logs            {home.path() / 'logs'}",
        "",
    ]
    if demo:
        lines += _sign_ins(demo, address)
    if not_ready:
        lines += [f"Not ready yet after {READY_WITHIN} s: {not_ready}", ""]
    lines += ["Ctrl-C stops everything.", ""]
    sys.stdout.write("\n".join(lines))
    sys.stdout.flush()


def _sign_ins(demo: dict, address: str) -> list[str]:
    users = demo["users"]
    rows = [("who", "username", "password")]
    rows += [(who.replace("_", " "), user["username"], user["password"]) for who, user in users.items()]
    return [
        *(f"  {who:<12}{username:<16}{password}" for who, username, password in rows),
        "",
        f"  curl -H 'Authorization: Bearer {users['attendee']['token']}' {address}/api/v1/me",
        "",
    ]


def _wait_until_ready(address: str) -> str | None:
    """None once it is; otherwise what it said last."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    said = "no answer"
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        try:
            direct.open(f"{address}/api/health/ready", timeout=5).close()
            return None
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read(2000).decode(errors='replace')}"
        except OSError as error:
            said = str(error)
        time.sleep(0.1)
    return said


if __name__ == "__main__":
    sys.exit(main())
