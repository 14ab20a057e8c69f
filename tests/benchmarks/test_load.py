"""The load generator against small real servers: it counts right, and what waits is counted with its wait."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from array import array

import pytest
import uvloop

from benchmarks import load
from benchmarks.load import Result, Target
from config.environment import REPOSITORY
from tests.benchmarks.servers import OK, serving

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
CLOSING = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
STALL = 1.0


def gets(target: Target):
    return itertools.repeat(target.request("GET", "/"))


def stalling(at: int):
    """From this request on everything waits until the stall is over, as behind a lock."""
    gate = threading.Lock()

    def answer(number: int) -> bytes:
        with gate:
            if number == at:
                time.sleep(STALL)
        return OK

    return answer


def test_closed_loop_counts_every_answer():
    with serving() as (server, target):
        result = load.run(target, gets(target), connections=4, count=200)
    assert (result.begun, result.answered, result.failed) == (200, 200, 0)
    assert (len(server.requests), server.connections) == (200, 4)
    assert len(result.latencies) == 200


def test_open_loop_begins_what_was_planned():
    with serving() as (server, target):
        result = load.run(target, gets(target), connections=4, rate=200, seconds=1)
    assert (result.begun, result.answered, result.failed) == (200, 200, 0)
    assert len(server.requests) == 200
    assert result.seconds >= 0.99


def test_open_loop_counts_the_wait_of_all_that_were_planned_during_a_stall():
    with serving(stalling(at=50)) as (_, target):
        result = load.run(target, gets(target), connections=4, rate=100, seconds=2)
    assert result.failed == 0
    # 100 were planned in the second of the stall; those of its first half waited for half a second and longer.
    assert result.percentile(100) >= 0.95 * STALL
    assert sum(latency > STALL / 2 for latency in result.latencies) >= 45


def test_what_the_first_request_takes_to_make_is_over_before_the_clock_starts():
    made: list[float] = []

    def slowly_made(target: Target):
        time.sleep(STALL / 10)
        made.append(time.perf_counter())
        yield from itertools.repeat(target.request("GET", "/"), 5)

    with serving() as (_, target):
        run = load.Run(target, slowly_made(target), connections=1, rate=100)
        result = uvloop.run(run.go())
    assert result.answered == 5
    assert made[0] <= run.began


def test_closed_loop_sees_a_stall_once_a_connection():
    with serving(stalling(at=50)) as (_, target):
        result = load.run(target, gets(target), connections=4, count=2000)
    assert 1 <= sum(latency > STALL / 2 for latency in result.latencies) <= 4


@pytest.mark.parametrize("rate", [None, 1000])
def test_run_ends_when_there_are_no_more_requests(rate):
    with serving() as (_, target):
        result = load.run(target, itertools.islice(gets(target), 25), connections=2, rate=rate, seconds=20)
    assert (result.begun, result.answered, result.failed) == (25, 25, 0)
    assert result.seconds < 10


def test_other_answers_than_2xx_are_failures_by_status():
    with serving(lambda number: BUSY if number % 4 == 0 else OK) as (_, target):
        result = load.run(target, gets(target), connections=1, count=100)
    assert result.statuses == {200: 75, 503: 25}
    assert result.failed == 25


def test_closed_connection_is_a_failure_and_the_rest_goes_on():
    with serving(lambda number: None if number == 10 else OK) as (server, target):
        result = load.run(target, gets(target), connections=2, count=50)
    assert result.errors == {"connection closed": 1}
    assert (result.answered, result.failed) == (49, 1)
    assert server.connections == 3


def silent(until: threading.Event):
    until.wait(20)


def test_answer_that_never_comes_is_a_failure_in_time():
    never = threading.Event()
    with serving(lambda number: OK if number != 5 else silent(never)) as (_, target):
        result = load.run(target, gets(target), connections=2, count=20, timeout=3)
    never.set()
    assert result.errors == {"no answer in time": 1}
    assert result.answered == 19
    assert result.percentile(100) >= 3


def test_planned_request_that_finds_no_connection_in_time_is_a_failure():
    never = threading.Event()
    with serving(lambda number: silent(never)) as (_, target):
        result = load.run(target, gets(target), connections=1, rate=50, seconds=0.2, timeout=0.5)
    never.set()
    assert (result.begun, result.answered, result.failed) == (10, 0, 10)
    assert len(result.latencies) == 10


@pytest.mark.parametrize("answer", [CHUNKED, CLOSING])
def test_answers_in_other_forms_count_alike(answer):
    with serving(lambda number: answer) as (_, target):
        result = load.run(target, gets(target), connections=2, count=20)
    assert (result.answered, result.failed) == (20, 0)


def test_what_is_not_http_is_a_failure():
    with serving(lambda number: b"nonsense\r\n\r\n" if number == 1 else OK) as (_, target):
        result = load.run(target, gets(target), connections=1, count=3)
    assert result.errors == {"not HTTP": 1}
    assert result.answered == 2


def test_unix_socket_is_reached(tmp_path):
    with serving(path=tmp_path / "web.sock") as (_, target):
        assert load.run(target, gets(target), connections=2, count=10).answered == 10


def test_bodies_are_told_with_their_status():
    told = []
    with serving() as (_, target):
        load.run(target, gets(target), connections=1, count=3, on_answer=lambda *answer: told.append(answer))
    assert told == [(200, b"ok")] * 3


def test_requests_are_what_they_should_be():
    with serving() as (server, target):
        request = target.request("POST", "/a?b=1", b'{"c":2}', token="t", Idempotency_Key="k")
        load.run(target, itertools.repeat(request), connections=1, count=1)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /a?b=1 HTTP/1.1",
        f"Host: 127.0.0.1:{target.port}",
        "Authorization: Bearer t",
        "Content-Type: application/json",
        "Content-Length: 7",
        "Idempotency-Key: k",
    ]
    assert body == b'{"c":2}'


def test_percentiles_are_exact():
    result = Result(rate_wanted=None, connections=1, latencies=array("d", range(1, 1001)))
    assert [result.percentile(share) for share in (0.01, 50, 95, 99, 99.9, 100)] == [1, 500, 950, 990, 999, 1000]


def test_percentile_of_nothing_is_zero():
    assert Result(rate_wanted=None, connections=1).percentile(99) == 0


def test_requests_from_lines_are_numbered():
    target = Target(port=80)
    lines = ['{"method": "POST", "path": "/x", "body": {"content": "no. {n}"}, "token": "t"}', "", '{"path": "/y"}']
    made = list(itertools.islice(load.read_requests(target, lines), 3))
    assert [one.rpartition(b"\r\n\r\n")[2] for one in made] == [b'{"content": "no. 0"}', b"", b'{"content": "no. 2"}']
    assert made[1].startswith(b"GET /y HTTP/1.1\r\n")


@pytest.mark.parametrize("address", ["https://127.0.0.1/", "127.0.0.1:80", "ftp://x/"])
def test_address_that_makes_no_sense_is_refused(address):
    with pytest.raises(ValueError, match="give http://host:port/path"):
        Target.at(address)


def run_command(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "benchmarks.load", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_command_reports_as_json():
    with serving() as (_, target):
        ran = run_command(f"http://127.0.0.1:{target.port}/", "--count", "30", "--connections", "3")
    report = json.loads(ran.stdout)
    assert ran.returncode == 0
    assert (report["begun"], report["answered"], report["statuses"]) == (30, 30, {"200": 30})


def test_command_fails_when_not_all_was_answered():
    with serving(lambda number: BUSY) as (_, target):
        assert run_command(f"http://127.0.0.1:{target.port}/", "--count", "3").returncode == 1


def test_command_says_when_nobody_answers():
    with serving() as (_, target):
        pass
    ran = run_command(f"http://127.0.0.1:{target.port}/", "--count", "3")
    assert ran.returncode == 1
    assert "does not answer" in ran.stderr
    assert "Traceback" not in ran.stderr
