"""Where somebody stands in the log: the ids of events.

Transactions do not become visible in the order in which they began, and one may run for long. So a place is not a
number but what could be seen: a snapshot (`Cut`) of which everything is told, and, in the middle of what came after it,
a second one of which everything is told up to a row. Nobody who comes back with that misses what committed late, nor
waits for it.

An id begins with the time at which the database was looked at, then the row and the event's number in it, all with a
fixed width: so ids order as texts do.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

PATTERN = r"^[0-9a-f]{14}-[0-9a-f]{12}-[0-9a-f]{6}(-[0-9a-f]+(\.[0-9a-f]+)+){1,2}$"
NO_ID = "This is no id of an event of this stream."
_NAME = re.compile("last[-_]?event[-_]?id", re.ASCII | re.IGNORECASE)
_SHAPE = re.compile(PATTERN, re.ASCII)
LONGEST = 16_000
# After every row, and every event of a row.
LAST_ROW, LAST_PART = 0xFFFFFFFFFFFF, 0xFFFFFF
# More than any database has come to: who names it is told that nobody knows of such a place.
_MOST = 2**62


class Cut(NamedTuple):
    """Which transactions had ended: all before `xmin`, none from `xmax` on, and between them all but those running."""

    xmin: int
    xmax: int
    running: tuple[int, ...] = ()  # in their order, as PostgreSQL has them

    def __str__(self) -> str:
        return ".".join(f"{number:x}" for number in (self.xmin, *(x - self.xmin for x in (self.xmax, *self.running))))

    def holds(self, xid: int) -> bool:
        # By halves: an id that somebody made up may name thousands, and thousands of rows are held against it.
        at = bisect_left(self.running, xid)
        return xid < self.xmax and self.running[at : at + 1] != (xid,)

    def is_within(self, other: Cut) -> bool:
        """Whether all that this one holds is in the other, too."""
        return self.xmax <= other.xmax and not any(map(self.holds, other.running))


class Place(NamedTuple):
    at: int  # microseconds
    row: int
    part: int
    seen: Cut
    target: Cut | None = None

    def __str__(self) -> str:
        cuts = f"{self.seen}-{self.target}" if self.target else str(self.seen)
        return f"{self.at:014x}-{self.row:012x}-{self.part:06x}-{cuts}"

    @property
    def furthest(self) -> Cut:
        return self.target or self.seen

    def has(self, xid: int, row: int, part: int) -> bool:
        """Whether somebody at this place was told that."""
        if self.seen.holds(xid):
            return True
        return self.target is not None and self.target.holds(xid) and (row, part) <= (self.row, self.part)


def whole(at: int, cut: Cut) -> Place:
    """Everything that could be seen in this cut is told."""
    return Place(at, LAST_ROW, LAST_PART, cut)


def read_cut(text: str) -> Cut:
    """As PostgreSQL writes a snapshot."""
    xmin, xmax, running = text.split(":")
    return Cut(int(xmin), int(xmax), tuple(int(xid) for xid in running.split(",") if xid))


def parse(text: str) -> Place | None:
    """None for what never was one of our ids."""
    if len(text) > LONGEST or not _SHAPE.fullmatch(text):
        return None
    at, row, part, *cuts = text.split("-")
    return Place(int(at, 16), int(row, 16), int(part, 16), *map(_parse_cut, cuts))


def named(parameters: Mapping[str, str]) -> str | None:
    """The last of those that say it, however it is spelled: who cannot set a header says it in many ways."""
    said = [name for name in parameters if _NAME.fullmatch(name)]
    return parameters[said[-1]] if said else None


def _parse_cut(text: str) -> Cut:
    xmin, *offsets = (min(int(number, 16), _MOST) for number in text.split("."))
    xmax, *running = (min(xmin + offset, _MOST) for offset in offsets)
    return Cut(xmin, xmax, tuple(sorted(running)))
