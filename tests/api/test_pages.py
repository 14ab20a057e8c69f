import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages import Cursor, PageQuery


def problems(**query) -> list[str]:
    shape = PageQuery(data=query)
    shape.is_valid()
    return sorted(shape.errors)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "ten", "1e2", "٣", "99999999999999999999"])
def test_limit_outside_its_bounds_is_refused(limit):
    assert problems(limit=limit) == ["limit"]


@pytest.mark.parametrize("limit", ["1", "50", "100"])
def test_limit_within_its_bounds_is_taken(limit):
    assert problems(limit=limit) == []


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "🐈",
        Cursor.write("2026-01-01T00:00:00Z"),
        Cursor.write("2026-01-01T00:00:00", "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"),
        Cursor.write("yesterday", "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"),
        Cursor.write("2026-01-01T00:00:00Z", "no id"),
        Cursor.write(1, 2),
    ],
)
def test_cursor_that_is_none_of_ours_is_refused(cursor):
    assert problems(cursor=cursor) == ["cursor"]


@given(st.text(max_size=200))
def test_cursor_made_of_anything_is_refused_and_never_a_fault(text):
    assert problems(cursor=text) == ["cursor"]
