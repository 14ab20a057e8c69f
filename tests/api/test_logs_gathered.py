"""The web process writes its lines together: late by a moment, in their order, and none is lost when it ends."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
from select import PIPE_BUF
from uuid import uuid4

import pytest

from api import logs, requests
from api.requests import Answered
from api.tracks import within
from rollout import figures, traffic
from tests.waiting import PATIENCE, wait_until

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


class Failing(Writes):
    """At its first part."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, part):
        if not self.parts:
            self.parts.append(part)
            raise self.error
        return super().write(part)


class Calling(Writes):
    """Calls somebody while it writes its first part."""

    def __init__(self, call):
        super().__init__()
        self.call = call

    def write(self, part):
        written = super().write(part)
        if len(self.parts) == 1:
            self.call()
        return written


class SlowInTheBackground(Writes):
    def write(self, part):
        if threading.current_thread().name == "log":
            time.sleep(0.03)
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


def test_line_is_written_a_moment_later_without_anybody_asking():
    assert logs.Gathering.MOMENT_SECONDS == 0.02
    handler = gathering(stream := Writes())
    tell(handler, "answered")
    wait_until(lambda: stream.getvalue() == "answered\n")
    tell(handler, "answered again")
    wait_until(lambda: stream.getvalue() == "answered\nanswered again\n")


def test_line_that_comes_while_others_are_written_is_written_too():
    def another_thread_tells():
        teller = threading.Thread(target=tell, args=(handler, "second"))
        teller.start()
        teller.join()

    handler = gathering(stream := Calling(another_thread_tells))
    tell(handler, "first")
    wait_until(lambda: stream.getvalue() == "first\nsecond\n")


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_what_is_logged_within_a_write_follows_it(level):
    """As the collector may have it, or a signal."""
    handler = gathering(stream := Calling(lambda: tell(handler, "second", level)))
    tell(handler, "first", logging.WARNING)
    wait_until(lambda: stream.getvalue() == "first\nsecond\n")


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


def test_small_parts_follow_large_ones_in_as_few_writes_as_hold_them(patient):
    handler = gathering(stream := Writes())
    for _ in range(4 * PIPE_BUF // 64):
        tell(handler, "x" * 63)
    tell(handler, "y")
    handler.flush()
    assert [len(part) for part in stream.parts] == [PIPE_BUF] * 4 + [2]


@pytest.mark.parametrize("error", [OSError("no space left"), ValueError("closed"), RuntimeError("reentrant call")])
def test_what_cannot_be_written_takes_nothing_else_along(error):
    handler = gathering(stream := Failing(error))
    for line in ("x" * PIPE_BUF, "kept"):
        tell(handler, line)
    wait_until(lambda: stream.getvalue() == "kept\n")
    tell(handler, "kept as well")
    wait_until(lambda: stream.getvalue() == "kept\nkept as well\n")


def test_caller_does_not_hear_of_what_cannot_be_written(patient):
    handler = gathering(stream := Failing(RuntimeError("reentrant call")))
    tell(handler, "lost", logging.ERROR)
    tell(handler, "kept", logging.ERROR)
    assert stream.getvalue() == "kept\n"


def test_caller_does_not_hear_of_what_cannot_be_put_into_words(patient, capsys):
    class Refusing(logging.Formatter):
        def format(self, record):
            if record.msg == "refused":
                raise TypeError
            return super().format(record)

    handler = gathering(stream := Writes())
    handler.setFormatter(Refusing("%(message)s"))
    tell(handler, "before")
    tell(handler, "refused", logging.WARNING)
    assert stream.getvalue() == "before\n"


def test_line_tells_the_request_that_it_was_said_in(patient):
    handler = gathering(stream := Writes())
    handler.setFormatter(logs.JsonFormatter())
    token = logs.context.set({"request_id": "the-request"})
    handler.handle(logging.makeLogRecord({"msg": "answered", "levelno": logging.INFO, "levelname": "INFO"}))
    logs.context.reset(token)
    handler.flush()
    assert json.loads(stream.getvalue())["request_id"] == "the-request"


def test_writers_do_not_overtake_each_other():
    handler = gathering(stream := SlowInTheBackground())
    for number in range(300):
        tell(handler, str(number), logging.WARNING if number % 37 == 36 else logging.INFO)
        time.sleep(0.001)
    handler.flush()
    assert stream.getvalue().split() == [str(number) for number in range(300)]


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
    plain.setLevel(logging.WARNING)
    others = logging.FileHandler(os.devnull)
    root.handlers[:] = [plain, others]
    try:
        logs.gather()
        assert others in root.handlers
        assert plain not in root.handlers
        root.info("not told")
        root.warning("told")
        assert stream.getvalue() == "WARNING told\n"
    finally:
        root.handlers[:] = before


@pytest.fixture
def web_process(monkeypatch):
    """As in one: from its call on all lines go as JSON to one stream. (Within the test: pytest looks at lines, too.)"""

    def begin() -> Writes:
        root = logging.getLogger()
        handler = logging.StreamHandler(stream := Writes())
        handler.setFormatter(logs.JsonFormatter())
        monkeypatch.setattr(root, "handlers", [handler])
        monkeypatch.setattr(logs, "_only", None)
        logs.gather()
        return stream

    return begin


def lines_of(stream) -> list[dict]:
    logging.getLogger().handlers[0].flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def answered(status: int = 200, **more) -> Answered:
    known = {"at": 0.5, "method": "GET", "route": "api/v1/me", "status": status, "headers": {}, "seconds": 0.0015}
    return Answered(
        **known
        | {"user_id": None, "event_id": None, "has_key": False, "version": None, "ids": {"request_id": "r"}}
        | more
    )


def test_line_of_a_request_is_put_into_words_by_who_writes_it(patient, web_process, monkeypatch):
    stream = web_process()
    observers = []
    monkeypatch.setattr(requests, "_observers", [lambda one: observers.append(threading.current_thread().name)])
    answered(user_id=(me := uuid4()), event_id="no-id").tell()
    assert stream.getvalue() == ""
    (line,) = lines_of(stream)
    assert line == {
        "at": "1970-01-01T00:00:00.500000Z",
        "level": "info",
        "logger": "api.requests",
        "message": "answered",
        "request_id": "r",
        "method": "GET",
        "route": "api/v1/me",
        "status": 200,
        "duration_ms": 1.5,
        "user_id": str(me),
        "event_id": None,
    }
    assert observers == []


def test_request_is_counted_by_the_thread_that_writes(web_process, monkeypatch):
    web_process()
    observers = []
    monkeypatch.setattr(requests, "_observers", [lambda one: observers.append(threading.current_thread().name)])
    answered().tell()
    wait_until(lambda: observers == ["log"])


def test_fault_is_told_at_once_behind_what_came_before_it(patient, web_process):
    stream = web_process()
    answered(201).tell()
    with within(request_id="of the fault"):
        answered(500).tell()
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["status"], line["level"]) for line in told] == [(201, "info"), (500, "error")]
    assert told[1]["request_id"] == "of the fault"


def test_what_cannot_be_counted_takes_neither_its_line_nor_other_figures_along(web_process, monkeypatch):
    stream = web_process()

    def fail(one):
        raise ValueError

    counted = []
    monkeypatch.setattr(requests, "_observers", [fail, lambda one: counted.append(one.status)])
    for status in (201, 202):
        answered(status).tell()
    wait_until(lambda: counted == [201, 202])
    told = lines_of(stream)
    assert [line["status"] for line in told if line["message"] == "answered"] == [201, 202]
    assert [line["error"]["type"] for line in told if "error" in line] == ["builtins.ValueError"] * 2


def test_line_without_words_takes_no_other_along(patient, web_process):
    stream = web_process()

    def fail():
        raise ValueError

    answered(201).tell()
    assert logs.later(fail, list)
    answered(202).tell()
    told = lines_of(stream)
    assert [line.get("status") for line in told] == [201, None, 202]
    assert told[1]["message"] == "a line has no words: ValueError"


def test_who_warns_while_it_is_written_waits_for_nobody(web_process, monkeypatch):
    """A warning among the chores of the writer, and one of another thread at the same moment."""
    stream = web_process()
    both = threading.Barrier(2, timeout=PATIENCE)

    def observer(one):
        both.wait()
        for _ in range(200):
            logging.getLogger("x").warning("while counting")

    monkeypatch.setattr(requests, "_observers", [observer])
    answered().tell()
    both.wait()
    for _ in range(200):
        logging.getLogger("x").warning("of another thread")
    wait_until(lambda: len(lines_of(stream)) == 401)


def test_collector_may_warn_in_the_midst_of_counting(web_process, monkeypatch):
    web_process()
    monkeypatch.setattr(requests, "_observers", [traffic.count])

    class Amount(float):
        """Stands for the collector, which may run in the midst of anything."""

        def __radd__(self, other):
            answered().tell()
            logging.getLogger("x").warning("found by the collector")
            return float(other) + 1

    counting = threading.Thread(
        target=lambda: figures.bump((("http_requests", "", ("a", "b", "c")), Amount(1))), daemon=True
    )
    counting.start()
    counting.join(PATIENCE)
    assert not counting.is_alive()


def test_handler_that_comes_later_is_told_everything(web_process, monkeypatch):
    stream = web_process()
    monkeypatch.setattr(requests, "_observers", [])
    logging.getLogger().addHandler(another := logging.StreamHandler(other := io.StringIO()))
    another.setFormatter(logging.Formatter("%(message)s %(status)s"))
    answered().tell()
    assert other.getvalue() == "answered 200\n"
    assert len(lines_of(stream)) == 1


def test_who_wants_only_warnings_is_told_no_requests_which_count_all_the_same(
    patient, web_process, monkeypatch, caplog
):
    stream = web_process()
    observers = []
    monkeypatch.setattr(requests, "_observers", [observers.append])
    caplog.set_level(logging.WARNING, "api.requests")
    answered().tell()
    assert lines_of(stream) == []
    assert len(observers) == 1
