"""Starting and stopping."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.config.front.house import REPOSITORY, Backend, Front, ask, get, read_answer, short_folder, was_cut
from tests.waiting import PATIENCE, wait_until


def test_stop_answers_what_is_under_way(own_house):
    front, web, stream, _ = own_house(f"server.STOP_SECONDS = {PATIENCE}")
    idle, working, streaming = front.connect(), front.connect(), front.connect()
    working.sendall(get("/gate"))
    streaming.sendall(get("/api/v1/stream"))
    wait_until(lambda: web.seen and stream.seen)
    front.process.send_signal(signal.SIGTERM)
    assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        wait_until(lambda: front.connect().close())
    web.gate.set()
    answer = read_answer(working)
    assert (answer.content, answer.headers["Connection"]) == (b"done", "close")
    assert front.process.wait(PATIENCE) == 0


def test_stop_waits_three_seconds_at_most(own_house):
    front, web, _, _ = own_house("server.STOP_SECONDS = 0.5")
    connection = front.connect()
    connection.sendall(get("/gate"))
    wait_until(lambda: web.seen)
    front.process.send_signal(signal.SIGTERM)
    assert front.process.wait(PATIENCE) == 0
    assert was_cut(connection)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_simulators_addresses_are_its_own_where_there_is_one(is_there):
    with short_folder() as folder:
        backends = [Backend(f"{folder}/{name}", name) for name in ("web", "stream", "simulator")]
        front = Front(folder, CALLBOARD_SIMULATOR_SOCKET=f"{folder}/simulator" if is_there else "")
        try:
            for target in ("/simulator", "/simulator?to=1", "/simulator/messages", "/simulator/2010-04-01/Accounts/x"):
                assert json.loads(ask(front, get(target)).content)["backend"] == ("simulator" if is_there else "web")
            for target in ("/simulators", "/", "/api/v1/simulator", "/simulator%2F"):
                assert json.loads(ask(front, get(target)).content)["backend"] == "web"
        finally:
            front.stop()
            for backend in backends:
                backend.stop()


def start_in_vain(**environment):
    return subprocess.run(
        [sys.executable, "-m", "config.front"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_taken_port_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = start_in_vain(PORT=port, CALLBOARD_WEB_SOCKET="/tmp/w", CALLBOARD_STREAM_SOCKET="/tmp/s")
    assert result.returncode == 2
    assert result.stderr.startswith(f"callboard: PORT={port} cannot be used on 127.0.0.1:")
    assert result.stderr.count("\n") == 1


def test_missing_socket_is_one_clear_line():
    result = start_in_vain(CALLBOARD_WEB_SOCKET="/tmp/w")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "CALLBOARD_STREAM_SOCKET is not set" in result.stderr
