"""How much the web process does at once, taken from the machine; the front before it goes by the same."""

import os

from config.environment import read, whole_number


def cores() -> int:
    """Those we may use, which in a container are fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def web_workers() -> int:
    return read("CALLBOARD_WEB_WORKERS", whole_number(1, 256), cores())


def web_threads() -> int:
    """Of each worker. Each keeps a database connection; sends that come together share one (`messaging.sends`)."""
    return read("CALLBOARD_WEB_THREADS", whole_number(1, 256), 16)
