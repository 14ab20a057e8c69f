"""Log lines, as JSON in production and readable in development, without anything personal.

What people wrote, their phones and their tokens never reach a log. The lines name ids and codes; and because
libraries log too, every line passes through `scrubbed`, and of an exception only its type and its frames are
written: its message may quote what somebody sent.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache

import orjson

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


class Line(logging.LogRecord):
    """The record of what every request writes: it looks for no caller, which costs more than all that it tells."""

    # What a formatter of somebody else's may look for.
    NOBODY = logging.makeLogRecord({}).__dict__

    def __init__(self, logger: logging.Logger, level: int, message: str, **fields: object):
        created = time.time()
        self.__dict__ = self.NOBODY | fields
        self.name, self.msg, self.levelno, self.levelname = logger.name, message, level, logging.getLevelName(level)
        self.created, self.msecs = created, created % 1 * 1000
        self.relativeCreated = (created - logging._startTime) * 1000


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


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrubbed(record.getMessage()),
            **(context.get() or {}),
            **_told(record),
        }
        if error := _error(record):
            line["error"] = error
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()


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
