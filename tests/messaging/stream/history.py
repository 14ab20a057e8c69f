"""Clients that come back whenever they are cut, and what they heard held against what was written."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

from tests.streams import Event, Listening
from tests.waiting import PATIENCE

# Everybody to whom a message is: its sender, whom it was handed to, and of one at large all whom it concerns.
_MEANT = """
SELECT said.id::text, said.sender_id::text FROM messaging_message said WHERE said.content LIKE 'chaos %%'
UNION
SELECT said.id::text, handed.user_id::text FROM messaging_message said
JOIN messaging_delivery handed ON handed.message_id = said.id WHERE said.content LIKE 'chaos %%'
UNION
SELECT said.id::text, mine.user_id::text FROM messaging_message said
JOIN events_membership mine ON mine.event_id = said.event_id AND mine.removed_at IS NULL
WHERE said.content LIKE 'chaos %%' AND said.conversation_id IS NULL
  AND (said.roles = '{}' OR mine.role = ANY (said.roles)) AND (said.tags = '{}' OR mine.tags::text[] && said.tags)
"""


class Follower:
    """One client: a stream at a time, opened again by the last id as often as it ends."""

    def __init__(self, port: int, person: str, headers: dict, pause: float = 0):
        self.port, self.person, self.headers, self.pause = port, person, headers, pause
        self.before: list[Event] = []
        self.now: Listening | None = None
        self.last_id: str | None = None
        self.cuts = self.resets = 0
        self.is_stopping = threading.Event()
        self.has_begun = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        while not self.is_stopping.is_set():
            try:
                self.now = Listening(self.port, self.headers, last_id=self.last_id, pause=self.pause)
            except (OSError, http.client.HTTPException):
                self.is_stopping.wait(0.05)
                continue
            if self.now.status == 200 and self.now.has_begun.wait(60):
                self.has_begun.set()
            self.now.is_over.wait()
            self.last_id = self.now.last_id
            self.before += self.now.events
            self.now.events = []
            self.is_stopping.wait(0.02)

    @property
    def events(self) -> list[Event]:
        return [*self.before, *(self.now.events if self.now else ())]

    def heard(self) -> Counter:
        return Counter(
            event.data["item"]["message_id"]
            for event in self.events
            if event.kind == "message.created" and event.data["item"]["content"].startswith("chaos ")
        )

    def hurry(self) -> None:
        """It has read slowly for long enough."""
        self.pause = 0
        if self.now is not None:
            self.now.pause = 0

    def cut(self) -> None:
        if self.now is not None and not self.now.is_over.is_set():
            self.cuts += 1
            self.now.cut()

    def stop(self) -> None:
        self.is_stopping.set()
        self.cut()


@dataclass
class Findings:
    clients: int
    messages: int
    meant: int
    lost: int
    doubled: int
    not_theirs: int
    disordered: int
    resets: int


def meant() -> dict[str, set[str]]:
    """The messages of each person."""
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_MEANT)
        for message, person in cursor.fetchall():
            found.setdefault(person, set()).add(message)
    return found


def compare(followers: Collection[Follower]) -> Findings:
    of = meant()
    found = Findings(len(followers), len(set().union(*of.values())), 0, 0, 0, 0, 0, 0)
    for follower in followers:
        heard, wanted = follower.heard(), of.get(follower.person, set())
        ids = [event.id for event in follower.events if event.id]
        found.meant += len(wanted)
        found.lost += len(wanted - heard.keys())
        found.doubled += sum(heard.values()) - len(heard)
        found.not_theirs += len(heard.keys() - wanted)
        found.disordered += ids != sorted(ids)
        found.resets += sum(event.kind == "reset" for event in follower.events)
    return found


def wait_for_all(followers: Collection[Follower]) -> None:
    """Nothing is written any more: until everybody has everything, or for a minute nobody was told anything."""
    of, told, until = meant(), -1, 0.0
    while not all(of.get(one.person, set()) <= one.heard().keys() for one in followers):
        if (now := sum(len(one.events) for one in followers)) > told:
            told, until = now, time.monotonic() + PATIENCE
        if time.monotonic() > until:
            return
        time.sleep(0.1)


def some(followers: Collection[Follower], number: int, dice: random.Random) -> list[Follower]:
    return dice.sample(list(followers), number)
