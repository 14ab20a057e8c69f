"""The process for live streams: ASGI, because it holds thousands of connections that are almost always silent.

It answers its health; every few seconds it stamps Redis, so that /api/health can see from another process that
it lives.
"""

import asyncio
import logging
import os
import time
from contextlib import asynccontextmanager

import orjson
import redis.asyncio
import uvicorn
from django.conf import settings
from uuid_utils.compat import uuid7

from api.errors import NotFound
from config.environment import Misconfigured, exit_clearly, read, whole_number

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

HEALTH_PATH = "/api/health/live"
STAMP_KEY = "health:stream"
STAMP_EVERY, STAMP_EXPIRES, REDIS_SECONDS = 5, 60, 3

logger = logging.getLogger("callboard.stream")


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1000})
    elif scope["path"] == HEALTH_PATH and scope["method"] in ("GET", "HEAD"):
        await answer(send, 200, "application/json", {"status": "ok", "checks": {}})
    else:
        await answer(send, NotFound.status, "application/problem+json", not_found())


def not_found() -> dict:
    return {
        "type": f"/errors/{NotFound.code}",
        "title": NotFound.title,
        "status": NotFound.status,
        "detail": NotFound.title,
        "code": NotFound.code,
        "request_id": str(uuid7()),
    }


async def answer(send, status: int, content_type: str, document: dict):
    body = orjson.dumps(document)
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def live(receive, send):
    await receive()
    async with stamping():
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def stamping():
    client = redis.asyncio.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    )
    task = asyncio.create_task(stamp_for_ever(client))
    try:
        yield
    finally:
        # Once may not be enough: before Python 3.12, wait_for (inside redis) can swallow a cancellation.
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
        await client.aclose()


async def stamp_for_ever(client: redis.asyncio.Redis):
    is_away = False
    while True:
        try:
            await client.set(STAMP_KEY, int(time.time()), ex=STAMP_EXPIRES)
        except (redis.RedisError, OSError) as error:
            if not is_away:
                logger.warning("Redis is away: %s", type(error).__name__)
            is_away = True
        else:
            if is_away:
                logger.warning("Redis is back")
            is_away = False
        await asyncio.sleep(STAMP_EVERY)


def main():
    try:
        socket_path = read("CALLBOARD_STREAM_SOCKET", str, None)
        port = read("CALLBOARD_STREAM_PORT", whole_number(1, 65535), 8001)
        logging_settings = settings.LOGGING
    except Misconfigured as error:
        exit_clearly(error)
    uvicorn.run(
        application,
        uds=socket_path,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        log_config=logging_settings,
    )


if __name__ == "__main__":
    main()
