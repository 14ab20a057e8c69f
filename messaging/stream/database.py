"""A connection of the stream process, asked from its event loop: psycopg itself, because Django's would block it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.rows import namedtuple_row

from api.database import Statement
from messaging.stream.telling import Ask, Telling, Told, pipeline

logger = logging.getLogger("callboard.stream")

# What takes longer is given up with its connection: the next one begins anew.
PATIENCE_SECONDS = 15


class Database:
    """One question at a time; a connection that is lost is opened again with the next."""

    def __init__(self):
        self._connection: psycopg.AsyncConnection | None = None
        self._lock = asyncio.Lock()

    async def rows(self, *asks: Ask | Statement) -> list[list[Any]]:
        """Of each, all in one transaction and one round trip."""
        whole, wanted = pipeline(asks)
        async with self._lock:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    found = await self._run(whole)
            except BaseException:
                # Also where whoever asked is gone: what is under way would answer the next question.
                await self.close()
                raise
        return [found[number] for number in wanted]

    async def told(self, telling: Telling) -> list[Told]:
        try:
            asks = next(telling)
            while True:
                asks = telling.send(await self.rows(*asks))
        except StopIteration as end:
            return end.value

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()

    async def _run(self, statements: Sequence[Statement]) -> list[list[Any]]:
        if self._connection is None:
            self._connection = await _connect()
        if len(statements) == 1:
            cursor = await self._connection.execute(*statements[0], prepare=_prepared())
            return [await cursor.fetchall()]
        cursors = []
        async with self._connection.pipeline():
            for text, values in statements:
                cursors.append(await self._connection.execute(text, values, prepare=_prepared()))
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]


async def _connect() -> psycopg.AsyncConnection:
    parameters = connections["default"].get_connection_params()
    # Its types are as everywhere; its cursors are Django's own.
    parameters.pop("cursor_factory", None)
    opened = await psycopg.AsyncConnection.connect(**parameters, autocommit=True, row_factory=namedtuple_row)
    # Times come back as the API shows them. A pooler follows this setting from one server to the next.
    await opened.execute("SET TIME ZONE 'UTC'")
    return opened


def _prepared() -> bool | None:
    return True if settings.DATABASES["default"]["OPTIONS"]["prepare_threshold"] is not None else None
