"""Which call set a text off. Whoever keeps broadcasts registers how it is found; the logs name it at every step."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

Find = Callable[[UUID], str | None]
_find: Find | None = None


def register(find: Find) -> None:
    global _find
    _find = find


@lru_cache(maxsize=256)
def of(message_id: UUID) -> str | None:
    """A batch is mostly one message's, and what ordered it does not change."""
    return _find(message_id) if _find else None
