"""The process for live streams: ASGI, because it holds thousands of connections that are almost always silent.

It answers its health; every few seconds it stamps Redis, so that /api/health can see from another process that
it lives. What it streams is in `messaging.stream`.
"""

import asyncio
import logging
import os
import resource
import time
from contextlib import asynccontextmanager

import django
import orjson
import redis.asyncio
from django.conf import settings
from uuid_utils.compat import uuid7
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import NotFound
from config.asgi import serve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

HEALTH_PATH, STREAM_PATH = "/api/health/live", "/api/v1/stream"
STAMP_KEY, FIGURES_KEY = "health:stream", "health:streams"
STAMP_EVERY, STAMP_EXPIRES, REDIS_SECONDS = 5, 60, 3

logger = logging.getLogger("callboard.stream")


class Protocol(HttpToolsProtocol):
    """Streams write to their connection themselves: what thousands hear is framed once, and whoever does not read is
    cut off, of which ASGI knows nothing."""

    def on_message_begin(self):
        super().on_message_begin()
        self.scope["transport"] = self.transport

    def shutdown(self):
        super().shutdown()
        # A stream has no end to be waited for.
        if self.cycle is not None and self.cycle.response_started and self.scope["path"] == STREAM_PATH:
            self.transport.close()


class Process:
    def __init__(self):
        self.streams = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["path"] == STREAM_PATH:
            await self.streams.door(scope, receive, send)
        elif scope["path"] == HEALTH_PATH and scope["method"] in ("GET", "HEAD"):
            await answer(send, 200, "application/json", {"status": "ok", "checks": {}})
        else:
            document = NotFound().document(str(uuid7()))
            await answer(send, NotFound.status, "application/problem+json", document)

    async def live(self, receive, send):
        from messaging.stream.application import Application

        await receive()
        self.streams = Application()
        async with stamping(self.streams.figures), self.streams.running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def answer(send, status: int, content_type: str, document: dict):
    body = orjson.dumps(document)
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def stamping(figures):
    client = redis.asyncio.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    )
    task = asyncio.create_task(stamp_for_ever(client, figures))
    try:
        yield
    finally:
        # Once may not be enough: before Python 3.12, wait_for (inside redis) can swallow a cancellation.
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
        await client.aclose()


async def stamp_for_ever(client: redis.asyncio.Redis, figures):
    is_away, name = False, str(uuid7())
    while True:
        try:
            await client.set(STAMP_KEY, int(time.time()), ex=STAMP_EXPIRES)
            await client.hset(FIGURES_KEY, name, orjson.dumps({"at": time.time(), **figures()}))
            await client.expire(FIGURES_KEY, STAMP_EXPIRES)
        except (redis.RedisError, OSError) as error:
            if not is_away:
                logger.warning("Redis is away: %s", type(error).__name__)
            is_away = True
        else:
            if is_away:
                logger.warning("Redis is back")
            is_away = False
        await asyncio.sleep(STAMP_EVERY)


def application() -> Process:
    django.setup(set_prefix=False)
    return Process()


def main() -> None:
    # Every live stream takes one.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    serve(application, "STREAM", 8001, http=Protocol)


if __name__ == "__main__":
    main()
