"""Lists in pages: newest first by (created_at, id), walked by an opaque cursor.

A page begins after the last row of the one before, so rows that arrive meanwhile push nothing twice into view.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import QuerySet
from rest_framework import serializers

from api.fields import Query, parse_id

DEFAULT_LIMIT = 50
MOST = 100


class Cursor:
    """A place in a list, as text: the key of the last row shown."""

    @staticmethod
    def write(*key: Any) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()

    @staticmethod
    def read(text: str) -> list:
        padded = text + "=" * (-len(text) % 4)
        try:
            key = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error):
            raise serializers.ValidationError("This is not a cursor of this list.") from None
        if not isinstance(key, list):
            raise serializers.ValidationError("This is not a cursor of this list.")
        return key


class CursorField(serializers.CharField):
    """A cursor by (time, id)."""

    def to_internal_value(self, value):
        key = Cursor.read(super().to_internal_value(value))
        try:
            moment, row_id = key
            moment, row_id = datetime.fromisoformat(moment), parse_id(row_id)
        except (ValueError, TypeError):
            moment = row_id = None
        if moment is None or row_id is None or moment.tzinfo is None:
            raise serializers.ValidationError("This is not a cursor of this list.")
        return moment, row_id


class LimitField(serializers.Field):
    _spectacular_annotation = {"field": {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT}}

    def to_internal_value(self, value):
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4):
            raise serializers.ValidationError(f"Give a whole number from 1 to {MOST}.")
        if not 1 <= int(value) <= MOST:
            raise serializers.ValidationError(f"Give a whole number from 1 to {MOST}.")
        return int(value)

    def to_representation(self, value):
        return value


class PageQuery(Query):
    limit = LimitField(default=DEFAULT_LIMIT, help_text="How many items a page holds.")
    cursor = CursorField(default=None, help_text="`next_cursor` of the page before.")


def page(rows: QuerySet, query: dict, shape: Callable[[Any], dict]) -> dict:
    """One page of these rows, newest first; `query` is a validated PageQuery."""
    limit, after = query["limit"], query["cursor"]
    if after:
        moment, row_id = after
        rows = rows.filter(created_at__lte=moment).exclude(created_at=moment, id__gte=row_id)
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    return {
        "items": [shape(row) for row in found[:limit]],
        "next_cursor": cursor_after(found[limit - 1]) if len(found) > limit else None,
    }


def cursor_after(row: Any) -> str:
    return Cursor.write(row.created_at, UUID(str(row.id)))
