"""Typing: told by Redis, kept nowhere, and judged again by the rules of replying before anybody hears of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import redis.asyncio
from django.conf import settings

from api import redis as shared
from api.database import Statement
from events import rules
from messaging import typing
from messaging.sql import statement
from messaging.stream import frames
from messaging.stream.hub import Hub

logger = logging.getLogger("callboard.stream")

PATIENCE_SECONDS = 3
PAUSE_SECONDS = 1
MOST_WAITING = 1000


class Signal(NamedTuple):
    conversation_id: str
    user_id: str
    expires_at: datetime


def read(payload: bytes) -> Signal | None:
    try:
        told = orjson.loads(payload)
        return Signal(told["conversation_id"], told["user_id"], datetime.fromisoformat(told["expires_at"]))
    except (ValueError, KeyError, TypeError):
        return None


class Signals:
    def __init__(self, hub: Hub):
        self.hub = hub
        self.waiting: dict[tuple[str, str], Signal] = {}
        self.is_waiting = asyncio.Event()
        self.is_away = False

    async def listen(self) -> None:
        """For ever; while Redis is away nobody hears of typing, and nothing else is missed."""
        while True:
            try:
                await self._listen()
            except (redis.RedisError, OSError) as error:
                if not self.is_away:
                    logger.warning("typing cannot be heard: %s", type(error).__name__)
                self.is_away = True
                await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self) -> None:
        client = redis.asyncio.from_url(settings.REDIS_URL, socket_connect_timeout=PATIENCE_SECONDS)
        try:
            async with client.pubsub() as subscription:
                await subscription.subscribe(shared.channel(typing.CHANNEL))
                if self.is_away:
                    logger.warning("typing can be heard again")
                self.is_away = False
                async for message in subscription.listen():
                    if message["type"] == "message" and (signal := read(message["data"])):
                        self._take(signal)
        finally:
            await client.aclose()

    def _take(self, signal: Signal) -> None:
        if len(self.hub.listeners) and len(self.waiting) < MOST_WAITING:
            self.waiting[signal.conversation_id, signal.user_id] = signal
            self.is_waiting.set()

    async def tell(self) -> None:
        while True:
            await self.is_waiting.wait()
            self.is_waiting.clear()
            signals, self.waiting = list(self.waiting.values()), {}
            try:
                await self._tell(signals)
            except Exception as error:
                # Psycopg's, of sockets, and of time that ran out; what is lost is over in some seconds anyway.
                logger.warning("typing could not be told: %s", type(error).__name__, exc_info=error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _tell(self, signals: list[Signal]) -> None:
        rows, others = await self.hub.database.rows(_facts(signals), _others(signals, self.hub.listeners.people))
        allowed = {row.number for row in rows if _is_allowed(row)}
        hearers: dict[int, list[str]] = {}
        for number, person in others:
            hearers.setdefault(number, []).append(person)
        for number in allowed & hearers.keys():
            chunk = frames.chunk(frames.event(frames.TYPING, signals[number]._asdict()))
            for listener in self._listeners(hearers[number]):
                listener.write(chunk)

    def _listeners(self, people: Collection[str]) -> Iterator[Any]:
        for person in people:
            yield from self.hub.listeners.of(person)


def _is_allowed(row: Any) -> bool:
    """As a send would be: who was muted or blocked a moment ago is not shown typing."""
    against = rules.against_replying(
        row if row.role else None,
        partner_is_member=row.partner_is_member,
        is_blocked=row.is_blocked,
        now=datetime.now(UTC),
    )
    return against is None


def _facts(signals: list[Signal]) -> Statement:
    values = [
        list(range(len(signals))),
        [signal.conversation_id for signal in signals],
        [signal.user_id for signal in signals],
    ]
    return statement("stream_typers"), values


def _others(signals: list[Signal], listeners: Collection[str]) -> Statement:
    values = [
        list(range(len(signals))),
        [signal.conversation_id for signal in signals],
        [signal.user_id for signal in signals],
        list(listeners),
    ]
    return statement("stream_hearers_of_typing"), values
