"""The audit as CSV that a spreadsheet takes for text: nothing in it becomes a formula."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.models import AuditEntry

COLUMNS = ("at", "actor_id", "action", "object_type", "object_id", "event_id", "data", "id")
# Where a cell begins like this, a spreadsheet may compute it; phones begin with + as well.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class _Line:
    """What csv writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


def lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """Read as it is sent, in portions: an audit may be long."""
    write = csv.writer(_Line(), quoting=csv.QUOTE_ALL).writerow
    yield write(COLUMNS)
    for entry in entries.iterator(chunk_size=2000):
        yield write([safe(_text(getattr(entry, column))) for column in COLUMNS])


def safe(cell: str) -> str:
    """With an apostrophe ahead, spreadsheets show it as it stands; spaces ahead do not hide a formula from them."""
    return f"'{cell}" if cell.lstrip(" \u00a0").startswith(_FORMULA) else cell


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
