"""Real workers and beats that start at once: forks of a process that has imported everything, each leading a session.

A line on standard input is a log file, settings of its own as NAME=value, and the words of a celery command; the answer
is the process' number.
"""

import os
import shlex
import signal
import sys
import traceback

from config.celery import app
from config.processes import _end_with_parent


def serve() -> None:
    import django

    django.setup()
    app.loader.import_default_modules()
    app.finalize()
    # Nobody waits for what was killed.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        log, *words = shlex.split(line)
        number = os.fork()
        if number == 0:
            become(log, words)
        print(number, flush=True)


def become(log: str, words: list[str]) -> None:
    try:
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            os.environ[name] = value
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        _end_with_parent()
        opened = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(opened, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        app.start(argv=["-q", *words])
    except BaseException:
        traceback.print_exc()
    os._exit(1)


if __name__ == "__main__":
    serve()
