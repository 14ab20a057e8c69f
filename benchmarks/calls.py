"""Calls of the API as they are sent, made from what seed_load loaded; and whether what was answered is there."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import orjson

from benchmarks.bounds import SQL, TEXT
from benchmarks.load import Target
from benchmarks.stand import Stand
from events.rules import MAY_OPEN_WITH, READ_ONLY_ROLES

EMPTY_VIEW = "/api/v1/benchmarks/view"
EMPTY_ENDPOINT = "/api/v1/benchmarks/endpoint"

# What stands in a call where each has something of its own, as long as that.
NUMBER, KEY = "#" * 9, "%" * 36


class Event:
    """A loaded event and the tokens of its people."""

    def __init__(self, stand: Stand, loaded: dict):
        self.stand, self.id = stand, loaded["event_id"]
        self.tokens = {person["id"]: person["token"] for person in loaded["users"]}

    def senders(self) -> list[tuple[str, str]]:
        """(token, conversation) of everyone who may send in a direct conversation, well mixed."""
        query = """
            SELECT mine.user_id, conversation.id FROM messaging_conversation conversation
            JOIN messaging_participant mine ON mine.conversation_id = conversation.id
            JOIN events_membership member
              ON member.event_id = conversation.event_id AND member.user_id = mine.user_id
            WHERE conversation.event_id = %s AND conversation.kind = 'direct' AND member.role <> ALL (%s)
        """
        with self.stand.database() as database:
            rows = database.execute(query, [self.id, sorted(READ_ONLY_ROLES)]).fetchall()
        return self._with_tokens(rows)

    def strangers(self, number: int) -> list[tuple[str, str]]:
        """(token, recipient) of pairs who may talk with each other and have no conversation yet."""
        query = """
            SELECT mine.user_id, theirs.user_id AS id FROM events_membership mine
            JOIN events_membership theirs ON theirs.event_id = mine.event_id AND theirs.user_id > mine.user_id
            WHERE mine.event_id = %s AND mine.role || ':' || theirs.role = ANY (%s) AND NOT EXISTS (
                SELECT FROM messaging_conversation conversation
                WHERE conversation.event_id = mine.event_id AND conversation.kind = 'direct'
                  AND conversation.low_id = mine.user_id AND conversation.high_id = theirs.user_id
            )
            ORDER BY md5(mine.user_id::text || theirs.user_id::text) LIMIT %s
        """
        openings = [f"{mine}:{theirs}" for mine, others in MAY_OPEN_WITH.items() for theirs in others]
        with self.stand.database() as database:
            rows = database.execute(query, [self.id, openings, number]).fetchall()
        return self._with_tokens(rows)

    def broadcasters(self) -> list[str]:
        """Tokens of the MVP dealers, who have no quota, well mixed."""
        query = "SELECT user_id, user_id AS id FROM events_membership WHERE event_id = %s AND role = 'mvp_dealer'"
        with self.stand.database() as database:
            rows = database.execute(query, [self.id]).fetchall()
        return [token for token, _ in self._with_tokens(rows)]

    def _with_tokens(self, rows: list) -> list[tuple[str, str]]:
        found = [(self.tokens[str(row.user_id)], str(row.id)) for row in rows if str(row.user_id) in self.tokens]
        random.Random(1).shuffle(found)
        return found


def sends(target: Target, senders: list[tuple[str, str]], *, with_key: bool = False) -> Iterator[bytes]:
    """Each says something of its own; what they have in common is made once: the load shares the machine."""
    text = json.dumps({"content": f"{TEXT} {NUMBER}"}).encode()
    key = {"Idempotency_Key": KEY} if with_key else {}
    path = "/api/v1/conversations/{}/messages".format
    calls = [target.request("POST", path(talk), text, token=token, **key).decode() for token, talk in senders]
    for number, call in enumerate(itertools.cycle(calls), 1):
        named = call.replace(NUMBER, f"{number:0{len(NUMBER)}}")
        yield (named.replace(KEY, str(uuid4())) if with_key else named).encode()


def broadcasts(target: Target, event: Event) -> Iterator[bytes]:
    for number, token in enumerate(itertools.cycle(event.broadcasters()), 1):
        body = {"kind": "announcement", "content": f"{TEXT} {number}", "roles": ["attendee"]}
        path = f"/api/v1/events/{event.id}/broadcasts"
        yield target.request("POST", path, json.dumps(body).encode(), token=token)


def starts(target: Target, event: Event, strangers: list[tuple[str, str]]) -> Iterator[bytes]:
    for token, recipient in strangers:
        body = json.dumps({"recipient_id": recipient, "content": TEXT}).encode()
        yield target.request("POST", f"/api/v1/events/{event.id}/conversations", body, token=token)


def reads(target: Target, path: str, event: Event | None = None) -> Iterator[bytes]:
    tokens = list(event.tokens.values()) if event else [None]
    return itertools.cycle([target.request("GET", path, token=token) for token in tokens])


@dataclass
class Answers:
    """The ids that were answered with 201, to be looked for afterwards."""

    messages: list[str] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)
    broadcasts: list[str] = field(default_factory=list)

    def sent(self, status: int, body: bytes) -> None:
        if status == 201:
            self.messages.append(orjson.loads(body)["id"])

    def started(self, status: int, body: bytes) -> None:
        if status == 201:
            answer = orjson.loads(body)
            self.conversations.append(answer["conversation"]["id"])
            self.messages.append(answer["message"]["id"])

    def ordered(self, status: int, body: bytes) -> None:
        if status == 201:
            self.broadcasts.append(orjson.loads(body)["id"])

    def missing_messages(self, stand: Stand) -> int:
        """How many are not there whole: the message, its one delivery, its row in the log."""
        return self._missing(stand, "whole_messages", self.messages)

    def missing_conversations(self, stand: Stand) -> int:
        """How many are not there whole: two people, the first message, its delivery, both named by the conversation."""
        return self._missing(stand, "whole_conversations", self.conversations)

    def missing_broadcasts(self, stand: Stand) -> int:
        """How many are not published, or not with as many deliveries as people whom they concern."""
        return self._missing(stand, "whole_broadcasts", self.broadcasts)

    def _missing(self, stand: Stand, query: str, ids: list[str]) -> int:
        with stand.database() as database:
            found = database.execute((SQL / f"{query}.sql").read_text(), {"ids": ids}).fetchone()
        return len(ids) - found.whole
