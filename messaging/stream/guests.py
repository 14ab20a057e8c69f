"""Who may listen: found by token or session, many in one question when many come at once; and how long they may."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import Any

import psycopg
from django.conf import settings

from accounts import credentials
from accounts.credentials import Credential
from api.errors import NotAuthenticated, ServiceUnavailable
from messaging.stream.database import Database
from messaging.stream.listeners import Listener

Find = Callable[[Collection[Any]], Awaitable[dict[Any, Credential]]]

logger = logging.getLogger("callboard.stream")

# How often it is asked whether tokens and sessions still hold: nobody is told anything a second after they ended.
WATCH_SECONDS = 0.5
ENDED = "its token or session has ended"
_SESSION_KEY = re.compile(r"[0-9a-z]{8,40}", re.ASCII)


class Gathering:
    """Questions that come while another is under way go together in the next one."""

    def __init__(self, find: Find):
        self.find = find
        self.waiting: dict[Any, list[asyncio.Future]] = {}
        self.task: asyncio.Task | None = None

    async def ask(self, key: Any) -> Credential | None:
        answer = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(key, []).append(answer)
        if self.task is None:
            self.task = asyncio.create_task(self._answer())
        return await answer

    async def _answer(self) -> None:
        try:
            while self.waiting:
                asked, self.waiting = self.waiting, {}
                try:
                    found = await self.find(asked)
                except Exception as error:
                    _settle(asked.values(), lambda answer, error=error: answer.set_exception(error))
                    continue
                for key, answers in asked.items():
                    _settle([answers], lambda answer, key=key, found=found: answer.set_result(found.get(key)))
        finally:
            self.task = None


def _settle(answers: Iterable[list[asyncio.Future]], how: Callable[[asyncio.Future], None]) -> None:
    for answer in (one for several in answers for one in several if not one.done()):
        how(answer)


class Guests:
    def __init__(self, database: Database):
        self.database = database
        self.by_token = Gathering(self._of_tokens)
        self.by_session = Gathering(self._of_sessions)

    async def identify(self, headers: dict[bytes, bytes]) -> Credential:
        """By a token where one is given; the session is for Callboard's own pages."""
        try:
            given = headers.get(b"authorization")
            if given is not None:
                digest = credentials.digest_of(given.decode("latin-1"))
                found = digest and await self.by_token.ask(digest)
            else:
                key = session_key(headers.get(b"cookie", b""))
                found = key and await self.by_session.ask(key)
        except (psycopg.Error, OSError, TimeoutError) as error:
            logger.error("the database did not serve this call: %s", type(error).__name__, exc_info=error)
            raise ServiceUnavailable from None
        if not found:
            raise NotAuthenticated
        return found

    async def _of_tokens(self, digests: Collection[bytes]) -> dict[bytes, Credential]:
        (rows,) = await self.database.rows(credentials.owners(digests))
        return credentials.of_tokens(rows)

    async def _of_sessions(self, keys: Collection[str]) -> dict[str, Credential]:
        (rows,) = await self.database.rows(credentials.sessions(keys))
        sessions = credentials.read_sessions(rows)
        (people,) = await self.database.rows(credentials.people(sessions))
        return credentials.of_sessions(sessions, people)

    async def watch(self, everybody: Callable[[], Iterable[Listener]]) -> None:
        """Ends the streams of those whose token or session holds no more."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with suppress(psycopg.Error, OSError, TimeoutError):
                await self._end_those_that_ended(list(everybody()))

    async def _end_those_that_ended(self, listeners: list[Listener]) -> None:
        if not listeners:
            return
        tokens, sessions = await self.database.rows(*credentials.ended({one.guest for one in listeners}))
        gone = {row.key for row in (*tokens, *sessions)}
        for listener in listeners:
            if gone & {listener.guest.token, listener.guest.session}:
                listener.end(ENDED)


def session_key(header: bytes) -> str | None:
    try:
        morsel = SimpleCookie(header.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    return morsel.value if morsel and _SESSION_KEY.fullmatch(morsel.value) else None
