"""Whether the copy is there, and how far it is behind: looked at several times a second, beside the requests.

One thread in a process that reads from a copy. Requests go by what it saw last; a request that finds the copy gone says
so, and no other tries before it has been seen again. Whoever waits for a copy that has fallen silent is cut loose.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.25
# For an answer; a copy that takes longer for a page is no help to anybody.
PATIENCE_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# Of what was seen of the primary; a copy further behind than that has no lag that anybody would put up with.
MOST_SEEN = 2400

# Flushed: what has not reached the disk here is not sent there either, and nobody has been told of it.
PRIMARY_POSITION = "SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint AS position"
# A copy that has become a primary of its own is none any more.
_COPY_POSITION = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint ELSE -1 END"
)
# The same in a database and in its copies, and in no other.
_ORIGIN = (
    "SELECT hashtextextended(concat(system_identifier, ' ', oid), 0) FROM pg_control_system(), pg_database"
    " WHERE datname = current_database()"
)


class Silent(Exception):
    """Says in a few words who did not answer, or what is wrong with them."""


class Line:
    """A connection of the watch's own, on which nobody waits longer than is set."""

    def __init__(self, alias: str):
        self.alias, self.raw, self.origin = alias, None, 0

    def number(self, statement: str) -> int:
        try:
            if self.raw is None:
                self.raw = psycopg.connect(**connections[self.alias].get_connection_params())
                self.origin = self._asked(self.raw.pgconn, _ORIGIN.encode())
            return self._asked(self.raw.pgconn, statement.encode())
        except (psycopg.Error, Error, Silent) as error:
            self.hang_up()
            raise Silent(f"does not answer ({type(error).__name__})") from error

    def hang_up(self) -> None:
        if self.raw is not None:
            self.raw.close()
            self.raw = None

    def _asked(self, pgconn: Any, statement: bytes) -> int:
        until = time.monotonic() + PATIENCE_SECONDS
        pgconn.send_query(statement)
        wait = select.poll()
        wait.register(pgconn.socket, select.POLLIN)
        while pgconn.is_busy():
            if not wait.poll(max(0.0, until - time.monotonic()) * 1000):
                raise Silent
            pgconn.consume_input()
        value = pgconn.get_result().get_value(0, 0)
        while pgconn.get_result() is not None:
            pass
        if value is None:
            raise Silent
        return int(value)


class Lag:
    """How long ago the primary was where the copy is now, from what was seen of both."""

    def __init__(self):
        self._seen: deque[tuple[float, int]] = deque(maxlen=MOST_SEEN)

    def behind(self, asked_at: float, primary: int, copy: int) -> float | None:
        """Seconds; None where the copy has not come to anything that was seen."""
        self._seen.append((asked_at, primary))
        # The newest place that the copy has reached, and what it has not.
        while len(self._seen) > 1 and self._seen[1][1] <= copy:
            self._seen.popleft()
        at, position = self._seen[0]
        if position > copy:
            return None
        return 0.0 if len(self._seen) == 1 else asked_at - at


class Watch:
    def __init__(self):
        self._lock = threading.Lock()
        self._process = 0
        self._is_fit, self._said, self._looked_at = False, "has not been looked at", 0.0
        self._reads: dict[int, tuple[int, float]] = {}
        self._is_lost = threading.Event()

    def is_fit(self) -> bool:
        if self._process != os.getpid():
            self._start()
        return self._is_fit

    def report(self) -> tuple[bool, str]:
        """Whether it is asked, and why or why not: as of now, or the last that was seen."""
        asked_at = time.monotonic()
        self.is_fit()
        while self._looked_at < asked_at and time.monotonic() < asked_at + 3 * PATIENCE_SECONDS:
            time.sleep(0.02)
        return self._is_fit, self._said

    @contextmanager
    def reading(self, connection: BaseDatabaseWrapper) -> Iterator[psycopg.Connection]:
        """This thread's connection to the copy, for one round trip that the watch may cut short."""
        raw = self._opened(connection)
        thread = threading.get_ident()
        with self._lock:
            self._reads[thread] = (raw.fileno(), time.monotonic())
        try:
            yield raw
        finally:
            with self._lock:
                del self._reads[thread]
            if raw.closed:
                connection.close()
                self._lose("closed the connection")

    def _opened(self, connection: BaseDatabaseWrapper) -> psycopg.Connection:
        try:
            connection.ensure_connection()
        except Error:
            self._lose("does not answer")
            raise
        return connection.connection

    def _lose(self, why: str) -> None:
        self._judge(False, why)
        self._is_lost.set()

    # --- the thread of its own ----------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._process != os.getpid():
                self._process, self._is_fit, self._reads = os.getpid(), False, {}
                threading.Thread(target=self._keep_looking, name="replica", daemon=True).start()

    def _keep_looking(self) -> None:
        primary, copy, lag, pause = Line("default"), Line("replica"), Lag(), FIRST_PAUSE
        while True:
            try:
                self._look(primary, copy, lag)
                pause = FIRST_PAUSE
                self._cut_off(older_than=PATIENCE_SECONDS)
                self._is_lost.wait(EVERY_SECONDS)
                self._is_lost.clear()
            except Silent as silence:
                self._judge(False, str(silence))
                self._cut_off(older_than=0)
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:
                # Whatever it is, a process without its watch would go by what was seen last.
                self._judge(False, "cannot be looked at")
                logger.exception("the replica cannot be looked at", exc_info=error)
                time.sleep(LONGEST_PAUSE)

    def _look(self, primary: Line, copy: Line, lag: Lag) -> None:
        asked_at = time.monotonic()
        try:
            ours = primary.number(PRIMARY_POSITION)
        except Silent:
            # Nobody knows how far it is behind, which is not the copy's fault: no pause grows.
            self._judge(False, "nobody knows how far it is behind: the primary does not answer")
            return
        theirs = copy.number(_COPY_POSITION)
        if copy.origin != primary.origin:
            raise Silent("is no copy of this database")
        if theirs < 0:
            raise Silent("is no replica any more")
        behind = lag.behind(asked_at, ours, theirs)
        is_near = behind is not None and behind <= settings.REPLICA_LAG_SECONDS
        self._judge(is_near, f"{behind:.1f} s behind" if behind is not None else "is behind, by how much is not known")

    def _judge(self, is_fit: bool, said: str) -> None:
        if is_fit and not self._is_fit:
            logger.warning("the replica is asked again")
        elif self._is_fit and not is_fit:
            logger.warning("the replica is passed over: %s", said)
        self._is_fit, self._said, self._looked_at = is_fit, said, time.monotonic()

    def _cut_off(self, *, older_than: float) -> None:
        """Ends the connections on which somebody has waited too long; they ask the primary then."""
        since = time.monotonic() - older_than
        with self._lock, suppress(OSError):
            for descriptor, began in self._reads.values():
                if began <= since:
                    with socket.socket(fileno=os.dup(descriptor)) as line:
                        line.shutdown(socket.SHUT_RDWR)


watch = Watch()
