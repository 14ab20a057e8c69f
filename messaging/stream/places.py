"""Where something stands in the log: by transaction, row, and its number among the events of that row.

Written with a fixed width, so that ids order as texts do.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PATTERN = r"^[0-9a-f]{16}-[0-9a-f]{16}-[0-9a-f]{6}$"
_SHAPE = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{6})", re.ASCII)
# What the database's whole numbers hold.
_MOST = 2**63


class Place(NamedTuple):
    xid: int
    entry: int
    part: int = 0

    def __str__(self) -> str:
        return f"{self.xid:016x}-{self.entry:016x}-{self.part:06x}"


BEGINNING = Place(0, 0)


def parse(text: str) -> Place | None:
    """None for what never was one of our ids."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    place = Place(*(int(number, 16) for number in found.groups()))
    return place if max(place) < _MOST else None
