"""Nobody sees what is not theirs: every role at every call of the OpenAPI document, object by object.

The calls are read from the document: one without a row in `who_sees_what_table` fails the suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.db import connection, transaction
from drf_spectacular.generators import SchemaGenerator

from rollout import read_models
from tests.promises.figures import Figure
from tests.who_sees_what_table import BODIES, QUERIES, TABLE
from tests.who_sees_what_world import ROLES, UNKNOWN, World, build

REASONS = {
    "suspended",
    "muted",
    "not_member",
    "read_only",
    "role",
    "own_help_request",
    "blocked",
    "content_rule",
    "signature",
    "own_decision",
}
_LABEL = re.compile(r"(?P<path>[\w/]*)(?:-)?(?:\?(?P<query>\w+))?(?:>(?P<named>\w+))?(?::(?P<sought>\w+))?")


class Row(NamedTuple):
    call: str
    label: str
    cells: tuple[str, ...]

    @property
    def parts(self) -> dict[str, str | None]:
        return _LABEL.fullmatch(self.label).groupdict()


def _rows() -> Iterator[Row]:
    call = None
    head, *lines = [line for line in TABLE.splitlines() if line.strip()]
    assert tuple(head.split()[1:]) == ROLES
    for line in lines:
        if line.startswith("  "):
            label, *cells = line.split()
            yield Row(call, label, tuple(cells))
        else:
            call = line.strip()


TABLE_ROWS = list(_rows())


def documented_calls() -> set[str]:
    document = SchemaGenerator().get_schema(request=None, public=True)
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in document["paths"].items()
        for method in operations
    }


def test_every_call_of_the_document_has_its_rows_and_no_other_has():
    assert {row.call for row in TABLE_ROWS} == documented_calls()


def test_every_call_that_addresses_something_is_tried_on_another_events_too():
    """Where an id stands in the path, somebody will put one there that is not theirs."""
    addressing = {row.call for row in TABLE_ROWS if "{" in row.call}
    firsts = ((row.call, row.parts["path"].split("/")[0]) for row in TABLE_ROWS)
    foreign = {call for call, first in firsts if first.endswith("elsewhere") or first == "guest"}
    assert addressing - foreign == set()


def test_the_table_is_whole(figure):
    """Cells tested = cells existing: each row says something of each role, and no row stands twice."""
    for row in TABLE_ROWS:
        assert len(row.cells) == len(ROLES), row
        allowed = {"+", "-"} if row.parts["sought"] else set()
        assert all(cell in allowed | REASONS or re.fullmatch(r"[245]\d\d", cell) for cell in row.cells), row
    assert len({(row.call, row.label) for row in TABLE_ROWS}) == len(TABLE_ROWS)
    figure("cells not tested", sum(len(ROLES) - len(row.cells) for row in TABLE_ROWS))


@pytest.fixture
def world(cast, settings) -> World:
    settings.RATE_LIMIT = None
    return build(cast)


CALLS = sorted({row.call for row in TABLE_ROWS})


@pytest.mark.parametrize("call", CALLS)
def test_each_role_is_answered_as_the_table_says(world, figure, call):
    check(world, call, figure)


@pytest.mark.parametrize("call", [call for call in CALLS if "/feed" in call or "/unread" in call])
def test_the_other_read_model_shows_nobody_more(world, figure, call):
    read_models.swap("v2")
    check(world, call, figure)


def check(world: World, call: str, figure: Figure) -> None:
    """Every row of a call, in every role."""
    rows = [row for row in TABLE_ROWS if row.call == call]
    tried = [_try(world, row, role, cell) for row in rows for role, cell in zip(ROLES, row.cells, strict=True)]
    assert len(tried) == len(rows) * len(ROLES)
    found = [fault for faults in tried for fault in faults]
    figure("cells tested", len(tried))
    figure("faults", len(found))
    figure("pairs compared", sum(len(_twins(row)) * row.cells.count("404") for row in rows))
    figure("differences", sum("is not answered like" in fault for fault in found))
    assert found == []


def _try(world: World, row: Row, role: str, expected: str) -> list[str]:
    """What is wrong with one cell; the world stays as it was."""
    where = f"{row.call} {row.label} {role}"
    faults = []
    answer, writes = _called(world, row, role)
    found = _cell(answer, world.ids.get(row.parts["sought"]))
    if found != expected:
        faults.append(f"{where}: {expected} expected, {found} answered")
    if answer.status_code >= 400 and writes:
        faults.append(f"{where}: refused, and wrote {writes} rows")
    faults += [f"{where}: shows {marker!r}" for marker in world.leaks(row.call, role, answer.content.decode())]
    for twin in _twins(row) if answer.status_code == 404 else ():
        if _told(answer) != _told(_called(world, twin, role)[0]):
            faults.append(f"{where}: is not answered like {twin.label}, which nobody has")
    return faults


def _called(world: World, row: Row, role: str):
    parts = row.parts
    method, path = row.call.split(" ")
    for name in filter(None, parts["path"].split("/")):
        path = re.sub(r"\{\w+\}", str(world.ids[name]), path, count=1)
    if parts["query"]:
        path += f"?{QUERIES[row.call]}={world.ids[parts['query']]}"
    named = world.ids.get(parts["named"])
    body = BODIES[row.call](named and str(named)) if row.call in BODIES else None
    with transaction.atomic():
        before = _writes()
        answer = world.callers[role](method, path, body)
        writes = _writes() - before
        transaction.set_rollback(True)
    return answer, writes


def _writes() -> int:
    """Rows that this transaction has written so far, taken back or not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables")
        return int(cursor.fetchone()[0])


def _cell(answer, sought) -> str:
    if answer.status_code == 403:
        return answer.json()["reason"]
    if sought and answer.status_code == 200:
        return "+" if str(sought) in answer.content.decode() else "-"
    return str(answer.status_code)


def _told(answer) -> tuple:
    return answer.status_code, {name: value for name, value in answer.json().items() if name != "request_id"}


def _twins(row: Row) -> list[Row]:
    """The same call with an id that nobody has in the path, in the query, or in the body."""
    places = {
        "path": r"^\w+" if "{" in row.call else None,
        "query": r"(?<=\?)\w+" if row.parts["query"] else None,
        "named": r"(?<=>)\w+" if row.parts["named"] else None,
    }
    labels = (re.sub(place, "unknown", row.label, count=1) for place in places.values() if place)
    return [row._replace(label=label) for label in labels if label != row.label]


def test_no_id_of_the_world_is_the_unknown_one(world):
    assert list(world.ids.values()).count(UNKNOWN) == 1


def test_what_is_wrong_is_noticed(world):
    """A cell that says something else, a text that somebody should not see, and an answer that tells of existence."""
    row = next(row for row in TABLE_ROWS if (row.call, row.label) == ("GET /events/{event_id}/members", "show:dealer"))
    assert _try(world, row, "attendee", "+") == []
    assert _try(world, row, "attendee", "-") == [f"{row.call} {row.label} attendee: - expected, + answered"]
    world.markers[str(world.ids["dealer"])] = {"dealer"}
    assert _try(world, row, "attendee", "+") == [f"{row.call} {row.label} attendee: shows '{world.ids['dealer']}'"]
    hidden = next(row for row in TABLE_ROWS if (row.call, row.label) == ("GET /events/{event_id}", "show"))
    world.ids["unknown"] = world.ids["elsewhere"]
    assert _try(world, hidden, "stranger", "404") == []
    world.callers["stranger"] = world.callers["staff"]
    assert len(_try(world, hidden, "stranger", "404")) == 1
