"""Open connections: what is written to one, and who has which."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Set
from itertools import count
from time import monotonic

from accounts.credentials import Credential
from messaging.stream import frames
from messaging.stream.places import Place

# What a connection may have before it that it has not read; who leaves more unread is dropped, and comes back for it.
MOST_UNREAD = 512 * 1024
# How long somebody who is catching up may read nothing at all; and one who was told to go, before the line is cut.
PATIENCE_SECONDS = 30
FAREWELL_SECONDS = 5

_numbers = count()


class Listener:
    """`place` is up to where it was told while it is catching up; then it is where all the others are."""

    __slots__ = ("guest", "transport", "place", "number", "stuck_since", "ended", "since", "__weakref__")

    def __init__(self, guest: Credential, transport: asyncio.Transport, place: Place):
        self.guest, self.transport, self.place = guest, transport, place
        self.number = next(_numbers)
        self.stuck_since: float | None = None
        self.ended: str | None = None
        self.since = monotonic()

    @property
    def is_gone(self) -> bool:
        return self.ended is not None or self.transport.is_closing()

    @property
    def has_unread(self) -> bool:
        return self.transport.get_write_buffer_size() > MOST_UNREAD

    def write(self, chunk: bytes) -> None:
        """Nothing waits for it: a connection that does not take what comes is dropped."""
        if self.is_gone:
            return
        if self.has_unread:
            self.drop("it did not read")
        else:
            self.transport.write(chunk)

    def is_stuck(self) -> bool:
        """While it is catching up nobody writes on before it has read; and not for ever."""
        if not self.has_unread:
            self.stuck_since = None
            return False
        self.stuck_since = self.stuck_since or monotonic()
        if monotonic() - self.stuck_since > PATIENCE_SECONDS:
            self.drop("it did not read")
        return True

    def end(self, why: str) -> None:
        """As an answer ends; what it was told arrives."""
        if self.is_gone:
            return
        self.ended = why
        self.transport.write(frames.LAST_CHUNK)
        self.transport.close()
        # Closing waits until everything is read, and who reads nothing would stay for ever.
        asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self.transport.abort)

    def drop(self, why: str) -> None:
        self.ended = self.ended or why
        self.transport.abort()


class Listeners:
    """By person; several connections of one are told the same."""

    def __init__(self):
        self._of: dict[str, list[Listener]] = {}

    def __iter__(self) -> Iterator[Listener]:
        for listeners in list(self._of.values()):
            yield from list(listeners)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    @property
    def people(self) -> Set[str]:
        return self._of.keys()

    def of(self, person: str) -> list[Listener]:
        return self._of.get(person, [])

    def add(self, listener: Listener) -> None:
        self._of.setdefault(listener.guest.person, []).append(listener)

    def remove(self, listener: Listener) -> None:
        kept = [one for one in self.of(listener.guest.person) if one is not listener]
        if kept:
            self._of[listener.guest.person] = kept
        else:
            self._of.pop(listener.guest.person, None)
