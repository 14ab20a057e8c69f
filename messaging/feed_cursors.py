"""Places in a feed, as its cursors carry them: each with the read model in which its walk is finished."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from rest_framework import serializers

from api.fields import parse_id
from api.pages import Cursor

MODELS = ("v1", "v2")
# Transactions that were running when a walk began: no server has as many connections.
MOST_RUNNING = 10_000
NOT_OURS = "This is not a cursor of this list."


class PagePlace(NamedTuple):
    """The last row shown, newest first."""

    model: str
    at: datetime
    message_id: UUID

    @property
    def before(self) -> tuple[datetime, UUID]:
        return self.at, self.message_id


class LogPlace(NamedTuple):
    """The last row shown in the order of the log, and the snapshot in which the walk began (`feed_entries`)."""

    model: str | None
    after: UUID
    xid: int | None = None
    log_id: int | None = None
    at: datetime | None = None
    message_id: UUID | None = None
    seen: list[int] | None = None


class FeedCursorField(serializers.CharField):
    def to_internal_value(self, value):
        key = Cursor.read(super().to_internal_value(value))
        try:
            return _page_place(*key) if len(key) == len(PagePlace._fields) else _log_place(*key)
        except (ValueError, TypeError):
            raise serializers.ValidationError(NOT_OURS) from None


def _page_place(model: Any, at: Any, message_id: Any) -> PagePlace:
    return PagePlace(_model(model), _moment(at), _id(message_id))


def _log_place(model: Any, after: Any, xid: Any, log_id: Any, at: Any, message_id: Any, seen: Any) -> LogPlace:
    if not isinstance(seen, list) or not 1 <= len(seen) <= MOST_RUNNING:
        raise ValueError
    numbers = [_number(number) for number in seen]
    return LogPlace(_model(model), _id(after), _number(xid), _number(log_id), _moment(at), _id(message_id), numbers)


def _model(value: Any) -> str:
    if value not in MODELS:
        raise ValueError
    return value


def _id(value: Any) -> UUID:
    if (found := parse_id(value)) is None:
        raise ValueError
    return found


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError
    return value


def _moment(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError
    return found
