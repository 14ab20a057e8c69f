"""Reading a file into entries. What a row says is not looked at here."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PARTS = {"events": "event", "users": "user", "memberships": "membership"}
COLUMNS = ("event", "username", "name", "phone", "role", "tags")
REQUIRED_COLUMNS = ("event", "username", "role")


class Unreadable(Exception):
    """The file as a whole is not what it should be; the message says where."""


@dataclass
class Entry:
    """One row: an event, a user or a membership; a line of CSV is a user and a membership at once."""

    number: int
    # `#/users/3/` or `line 7, `: what stands before a field's name in a pointer
    place: str
    event: Any = None
    user: Any = None
    membership: Any = None

    @property
    def is_line(self) -> bool:
        return not self.place.startswith("#")

    @property
    def where(self) -> str:
        return self.place.rstrip("/, ")

    def at(self, field: str) -> str:
        return f"{self.place}{field}"


def read(raw: bytes, name: str = "", *, slug: str | None = None) -> list[Entry]:
    """The kind of file is told by its name, and where that says nothing by how it begins.

    With `slug` it is CSV of members of that event, which need not be named in it.
    """
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"It is not UTF-8 (line {line}).") from None
    if not content.strip():
        raise Unreadable("It is empty.")
    suffix = name.lower().rpartition(".")[2]
    is_json = slug is None and (suffix == "json" or (suffix != "csv" and content.lstrip()[0] in "{["))
    return list(_from_json(content) if is_json else _from_csv(content, slug))


def _from_json(content: str) -> Iterator[Entry]:
    try:
        found = json.loads(content)
    except json.JSONDecodeError as error:
        raise Unreadable(f"It is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from None
    except (ValueError, RecursionError):
        raise Unreadable("It is not JSON that can be read: a number is too long, or it is nested too deep.") from None
    if not isinstance(found, dict):
        raise Unreadable("It is no JSON object with events, users and memberships.")
    for part, rows in found.items():
        if part not in PARTS:
            raise Unreadable(f"#/{part[:100]!r} is none of events, users and memberships.")
        if not isinstance(rows, list):
            raise Unreadable(f"#/{part} is no list.")
    number = 0
    for part, kind in PARTS.items():
        for position, row in enumerate(found.get(part, [])):
            number += 1
            yield Entry(number, f"#/{part}/{position}/", **{kind: row if row is not None else ...})


def _from_csv(content: str, slug: str | None) -> Iterator[Entry]:
    lines = csv.reader(io.StringIO(content, newline=""), strict=True, delimiter=_delimiter(content))
    try:
        columns = [column.strip() for column in next(lines)]
        _check_columns(columns, REQUIRED_COLUMNS if slug is None else REQUIRED_COLUMNS[1:])
        before = lines.line_num
        for cells in lines:
            # A quoted cell may run over several lines; the first of them is named.
            number, before = before + 1, lines.line_num
            if any(cell.strip() for cell in cells):
                yield _line(number, columns, cells, slug)
    except csv.Error as error:
        raise Unreadable(f"It is not CSV: {error} (line {lines.line_num}).") from None


def _delimiter(content: str) -> str:
    """As the first line has it: where a comma stands in numbers, spreadsheets part the cells by semicolons."""
    first = content.partition("\n")[0]
    return ";" if ";" in first and "," not in first else ","


def _check_columns(columns: list[str], required: tuple[str, ...]) -> None:
    wrong = [column for column in columns if column not in COLUMNS]
    if wrong:
        raise Unreadable(f"Line 1 names a column {wrong[0][:100]!r}; known are {', '.join(COLUMNS)}.")
    if len(set(columns)) < len(columns):
        raise Unreadable("Line 1 names a column twice.")
    missing = [column for column in required if column not in columns]
    if missing:
        raise Unreadable(f"Line 1 names no column {missing[0]}.")


def _line(number: int, columns: list[str], cells: list[str], slug: str | None) -> Entry:
    """An empty cell is a field left out."""
    given = {column: cell for column, cell in zip(columns, cells, strict=False) if cell.strip()}
    if slug is not None:
        given.setdefault("event", slug)
    if "tags" in given:
        given["tags"] = [tag for tag in given["tags"].split(";") if tag.strip()]
    user = {name: given[name] for name in ("username", "name", "phone") if name in given}
    membership = {name: given[name] for name in ("event", "username", "role", "tags") if name in given}
    if len(cells) > len(columns):
        membership["cells"] = "too many"
    return Entry(number, f"line {number}, ", user=user, membership=membership)
