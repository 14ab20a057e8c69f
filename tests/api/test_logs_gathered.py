"""The web process writes its lines together: late by a moment, in their order, and none is lost when it ends."""

import io
import logging
import os
import subprocess
import sys
import threading
import time
from select import PIPE_BUF

import pytest

from api import logs

ENDING_WORKER = """
import logging, multiprocessing, sys
from api import logs

def work():
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    logs.gather()
    logs.Gathering.MOMENT_SECONDS = 60
    for number in range(1000):
        logging.info("line %d", number)

worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
"""

BUSY_WORKER = """
import logging, sys
from api import logs

handler, name = logs.Gathering(sys.stdout), sys.argv[1]
for number in range(2000):
    line = f"{name}{number:04} " + name * (number % 300)
    handler.handle(logging.makeLogRecord({"msg": line, "levelno": logging.INFO}))
handler.flush()
"""


class Writes(io.StringIO):
    """Keeps what it was given with each write."""

    def __init__(self):
        super().__init__()
        self.parts = []

    def write(self, part):
        self.parts.append(part)
        return super().write(part)


class Full(Writes):
    """Has no room for the first part."""

    def write(self, part):
        if not self.parts:
            self.parts.append(part)
            raise OSError("no space left on device")
        return super().write(part)


def gathering(stream):
    handler = logs.Gathering(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


@pytest.fixture
def patient(monkeypatch):
    """Nothing is written unless somebody asks for it."""
    monkeypatch.setattr(logs.Gathering, "MOMENT_SECONDS", 600)


def tell(handler, message, level=logging.INFO):
    handler.handle(logging.makeLogRecord({"msg": message, "levelno": level}))


def wait_for(is_so):
    until = time.monotonic() + 10
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)
    assert is_so()


def test_line_is_written_a_moment_later_without_anybody_asking():
    handler = gathering(stream := Writes())
    tell(handler, "answered")
    wait_for(lambda: stream.getvalue() == "answered\n")
    tell(handler, "answered again")
    wait_for(lambda: stream.getvalue() == "answered\nanswered again\n")


def test_lines_of_a_moment_are_one_write(patient):
    handler = gathering(stream := Writes())
    for number in range(20):
        tell(handler, f"line {number}")
    assert stream.parts == []
    handler.flush()
    assert stream.parts == ["".join(f"line {number}\n" for number in range(20))]


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_what_is_wrong_is_written_at_once_behind_what_came_before_it(patient, level):
    handler = gathering(stream := Writes())
    tell(handler, "before")
    tell(handler, "wrong", level)
    assert stream.getvalue() == "before\nwrong\n"


def test_write_is_never_longer_than_a_pipe_takes_whole(patient):
    handler = gathering(stream := Writes())
    lines = ["é" * length for length in (10, PIPE_BUF // 4, PIPE_BUF // 4, PIPE_BUF // 2 - 1, 2, PIPE_BUF, 3, 4)]
    for line in lines:
        tell(handler, line)
    handler.flush()
    assert stream.getvalue() == "".join(f"{line}\n" for line in lines)
    too_long = [part for part in stream.parts if len(part.encode()) > PIPE_BUF]
    assert too_long == ["é" * PIPE_BUF + "\n"], "only a line that is too long by itself"
    assert len(stream.parts) < len(lines)


def test_what_cannot_be_written_takes_nothing_else_along():
    handler = gathering(stream := Full())
    tell(handler, "lost")
    wait_for(lambda: stream.parts)
    tell(handler, "kept")
    wait_for(lambda: stream.getvalue() == "kept\n")


def test_lines_of_many_threads_are_all_there_each_thread_s_in_its_order():
    handler = gathering(stream := Writes())
    threads = [
        threading.Thread(target=lambda name=name: [tell(handler, f"{name} {number}") for number in range(500)])
        for name in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.flush()
    told = [tuple(map(int, line.split())) for line in stream.getvalue().splitlines()]
    assert sorted(told) == [(name, number) for name in range(8) for number in range(500)]
    for name in range(8):
        assert [number for teller, number in told if teller == name] == list(range(500))


def test_those_who_have_something_to_say_wait_where_nobody_reads(patient, monkeypatch):
    monkeypatch.setattr(logs.Gathering, "MOST_WAITING", 3)
    handler = gathering(stream := Writes())
    for number in range(3):
        tell(handler, f"line {number}")
    assert stream.parts == []
    tell(handler, "one too many")
    assert stream.getvalue().count("\n") == 4


def test_worker_that_ends_loses_no_line():
    ended = subprocess.run([sys.executable, "-c", ENDING_WORKER], capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines() == [f"line {number}" for number in range(1000)]


def test_two_workers_that_share_a_pipe_do_not_cut_into_each_other_s_lines():
    reading, writing = os.pipe()
    workers = [subprocess.Popen([sys.executable, "-c", BUSY_WORKER, name], stdout=writing) for name in "ab"]
    os.close(writing)
    with os.fdopen(reading) as stream:
        told = stream.read().splitlines()
    assert [worker.wait() for worker in workers] == [0, 0]
    assert sorted(told) == sorted(
        f"{name}{number:04} " + name * (number % 300) for name in "ab" for number in range(2000)
    )


def test_gather_puts_it_in_the_place_of_what_writes_line_by_line():
    root = logging.getLogger()
    before, plain = root.handlers[:], logging.StreamHandler(stream := Writes())
    plain.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    others = logging.NullHandler()
    root.handlers[:] = [plain, others]
    try:
        logs.gather()
        assert others in root.handlers
        assert plain not in root.handlers
        root.warning("told")
        assert stream.getvalue() == "WARNING told\n"
    finally:
        root.handlers[:] = before
