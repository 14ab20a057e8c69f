"""The participant's inbox: the feed, conversations, and what is done with a message."""

from __future__ import annotations

from django.db import connection

from messaging.stream import places

_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, pg_current_snapshot()::text"


def stream_place() -> str:
    """Where the live stream stands at this moment, as an id of one of its events."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        at, snapshot = cursor.fetchone()
    return str(places.whole(at, places.read_cut(snapshot)))
