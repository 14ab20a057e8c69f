"""Ids are UUIDv7: made in the order of time, so that a stretch of time is a range of a primary key."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID


def first_id(moment: datetime) -> UUID:
    """The least of that millisecond."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
