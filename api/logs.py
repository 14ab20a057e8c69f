"""Log lines, as JSON in production and readable in development, without anything personal.

What people wrote, their phones and their tokens never reach a log. The lines name ids and codes; and because
libraries log too, every line passes through `scrubbed`, and of an exception only its type and its frames are
written: its message may quote what somebody sent.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from multiprocessing.util import Finalize
from queue import Empty, SimpleQueue
from select import PIPE_BUF
from typing import IO, Any

import orjson

logger = logging.getLogger(__name__)

# Ids of the request being served, for every line that is logged meanwhile.
context: ContextVar[dict | None] = ContextVar("log_context", default=None)

FIELDS = ("request_id", "method", "route", "status", "duration_ms", "user_id", "event_id")

_PERSONAL = (
    (re.compile(r"(?:\+|%2B|(?<![\w.])00)[1-9](?:[ ()./-]{0,2}\d){6,14}", re.IGNORECASE), "[phone]"),
    # Without a sign of its country: long runs of digits that are no part of an id.
    (re.compile(r"(?<![\w.-])\d{9,15}(?![\w-])"), "[phone]"),
    (re.compile(r"\bcb_[A-Za-z0-9_-]{10,}"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), r"\1 [token]"),
    (re.compile(r"://[^/\s:@]*:[^/\s@]*@"), "://[login]@"),
    # PostgreSQL quotes rows and keys here.
    (re.compile(r"(DETAIL|CONTEXT|HINT):.*", re.DOTALL), r"\1: [left out]"),
)
# Celery's line about a failed task quotes its error and arguments.
_CELERY_FAILURE = re.compile(r"^(Task \S+ (?:raised unexpected|raised expected)): .*", re.DOTALL)


# What no line here tells, and every line would have to find out; the way that Python's manual names.
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = logging.logAsyncioTasks = False


# Most lines say the same few words.
@lru_cache(maxsize=1000)
def scrubbed(text: str) -> str:
    for pattern, instead in _PERSONAL:
        text = pattern.sub(instead, text)
    return _CELERY_FAILURE.sub(r"\1", text)


def _error(record: logging.LogRecord) -> dict | None:
    if not record.exc_info or not record.exc_info[0]:
        return None
    kind, error, trace = record.exc_info
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-12:]]
    found = {"type": f"{kind.__module__}.{kind.__qualname__}", "frames": frames}
    if sqlstate := getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None):
        found["sqlstate"] = sqlstate
    return found


def _told(record: logging.LogRecord) -> dict:
    attributes = vars(record)
    return {name: attributes[name] for name in FIELDS if name in attributes}


def as_json(created: float, level: str, logger: str, message: str, ids: dict | None, fields: dict) -> str:
    """`ids` are of the request, or of what else it was said in."""
    line = {
        "at": datetime.fromtimestamp(created, UTC),
        "level": level,
        "logger": logger,
        "message": scrubbed(message),
        **(ids or {}),
        **fields,
    }
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()
    except TypeError:
        # A lone surrogate. The logging module would write all of it down as it came.
        return json.dumps(line, default=str)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _told(record)
        if error := _error(record):
            fields["error"] = error
        level = record.levelname.lower()
        return as_json(record.created, level, record.name, record.getMessage(), context.get(), fields)


class ReadableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            **(context.get() or {}),
            **_told(record),
        }
        details = " ".join(f"{name}={value}" for name, value in fields.items() if value not in (None, ""))
        moment = datetime.fromtimestamp(record.created, UTC)
        line = f"{moment:%H:%M:%S} {record.levelname:7} {record.name}: {scrubbed(record.getMessage())} {details}"
        if error := _error(record):
            line = "\n    ".join([line.rstrip(), error["type"], *error["frames"]])
        return line.rstrip()


class Gathering(logging.StreamHandler):
    """Writes together what comes within a moment, from a thread of its own; for a process that does not fork.

    A write lets go of the interpreter: where many threads want it, whoever writes a line stands in their queue again,
    with its answer in hand. Warnings and errors are written at once, behind what came before them.
    """

    MOMENT_SECONDS = 0.02
    # Where nobody reads any more, those who have something to say wait, rather than that all of it is kept in memory.
    MOST_WAITING = 10_000

    def __init__(self, stream: IO[str]):
        super().__init__(stream)
        self._waiting: SimpleQueue[str | Callable[[], str]] = SimpleQueue()
        # What else is left to do, by our own thread alone: whoever else has something written may hold any lock.
        self._chores: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # Neither stands in its own way where the collector or a signal has something logged in the midst of it.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._has_rung = False
        self._writing = threading.RLock()
        self._is_writing = False
        threading.Thread(target=self._keep_writing, name="log", daemon=True).start()
        # A worker does not end as an interpreter does, which would flush it.
        Finalize(None, self.flush, exitpriority=0)

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:
        """Without the lock of its own that a handler takes for each record; the queue needs none."""
        found = self.filter(record)
        if found:
            self.emit(found if isinstance(found, logging.LogRecord) else record)
        return found

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            self.flush()
        else:
            self._take(line, is_urgent=record.levelno >= logging.WARNING)

    def take(self, line: Callable[[], str], chore: Callable[[], None]) -> None:
        self._chores.put(chore)
        self._take(line)

    def _take(self, line: str | Callable[[], str], *, is_urgent: bool = False) -> None:
        self._waiting.put(line)
        if is_urgent or self._waiting.qsize() > self.MOST_WAITING:
            self.flush()
        elif not self._has_rung:
            self._ring()

    def _ring(self) -> None:
        self._has_rung = True
        self._bell.put(None)

    def flush(self) -> None:
        with self._writing:
            if self._is_writing:
                # Asked for within our own write, which takes it along or is followed by another.
                self._ring()
                return
            self._is_writing = True
            try:
                for part in _parts(_in_words(line) for line in _taken(self._waiting)):
                    self._write(part)
            finally:
                self._is_writing = False

    def _write(self, part: str) -> None:
        # A full disk, or nobody at the other end: what comes after it is written, and no caller hears of it.
        with suppress(Exception):
            self.stream.write(part)
            self.stream.flush()

    def _keep_writing(self) -> None:
        while True:
            self._bell.get()
            time.sleep(self.MOMENT_SECONDS)
            self._has_rung = False
            self.flush()
            for chore in _taken(self._chores):
                try:
                    chore()
                except Exception:
                    logger.exception("what was left to do after an answer was not done")


def _taken(queue: SimpleQueue) -> Iterator[Any]:
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return


def _in_words(line: str | Callable[[], str]) -> str:
    if isinstance(line, str):
        return line
    try:
        return line()
    except Exception as error:
        # Not by way of the logging module, which would lead back to here.
        return as_json(time.time(), "error", __name__, f"a line has no words: {type(error).__name__}", None, {})


def _parts(lines: Iterable[str]) -> Iterator[str]:
    """As much at once as does not mix with what other processes write into the same pipe."""
    part, size = [], 0
    for line in lines:
        taken = len(line.encode("utf-8", "backslashreplace")) + 1
        if part and size + taken > PIPE_BUF:
            yield "\n".join([*part, ""])
            part, size = [], 0
        part.append(line)
        size += taken
    if part:
        yield "\n".join([*part, ""])


# What all lines go to, as JSON and nowhere else.
_only: Gathering | None = None


def later(line: Callable[[], str], chore: Callable[[], None]) -> bool:
    """Whether the line is put into words when it is written, with others, and the chore done by the thread that writes:
    in a process where nothing else looks at lines. Else both are left to the caller."""
    if _only is None or logging.root.handlers != [_only]:
        return False
    _only.take(line, chore)
    return True


def gather() -> None:
    """From now on this process' lines are written together: for one that answers with many threads."""
    global _only
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler) is logging.StreamHandler]:
        gathering = Gathering(handler.stream)
        gathering.setFormatter(handler.formatter)
        gathering.setLevel(handler.level)
        root.addHandler(gathering)
        root.removeHandler(handler)
        takes_all = gathering.level <= logging.INFO and type(gathering.formatter) is JsonFormatter
        if takes_all and root.handlers == [gathering]:
            _only = gathering
