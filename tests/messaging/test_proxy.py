"""The proxy that other tests count and cut with: what is a round trip, and what only looks like one."""

import pytest
from django.db import connection

from tests.proxy import FLUSH, QUERY, READY, SYNC, Frames, Trips, proxied

PARSE, ROW = b"P", b"D"


@pytest.fixture
def raw(transactional_db):
    """A connection of psycopg's own through a proxy, and how many trips some work on it takes."""
    with proxied() as proxy:
        connection.ensure_connection()
        raw = connection.connection
        raw.execute("SELECT 1")

        def trips(work) -> int:
            before = proxy.trips
            work(raw)
            # What follows is counted by itself, whatever was sent before.
            raw.execute("SELECT 1")
            return proxy.trips - before - 1

        yield trips


def flush(raw) -> None:
    raw.pgconn.send_flush_request()
    raw.pgconn.flush()


def in_one_pipeline(raw) -> None:
    with raw.pipeline():
        for number in range(3):
            raw.execute("SELECT %s::int", [number])


def waiting_inside_a_pipeline(raw) -> None:
    with raw.pipeline():
        assert raw.execute("SELECT 1").fetchone() == (1,)
        raw.execute("SELECT 2")


def two_of_large_answers(raw) -> None:
    for _ in range(2):
        assert len(raw.execute("SELECT repeat('x', 1000000)").fetchone()[0]) == 1_000_000


def one_larger_than_any_buffer(raw) -> None:
    raw.execute("SELECT %s::text", ["x" * 1_000_000])


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda raw: None, 0),
        (flush, 0),
        (lambda raw: (flush(raw), flush(raw)), 0),
        (lambda raw: raw.execute("SELECT 1"), 1),
        (lambda raw: (flush(raw), raw.execute("SELECT 1")), 1),
        (lambda raw: (raw.execute("SELECT 1"), raw.execute("SELECT 2")), 2),
        (in_one_pipeline, 1),
        (waiting_inside_a_pipeline, 2),
        (two_of_large_answers, 2),
        (one_larger_than_any_buffer, 1),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_round_trip_is_a_question_that_is_waited_for(raw, work, expected):
    assert raw(work) == expected


def test_what_comes_in_pieces_counts_like_what_comes_whole():
    whole = b"\0\0\0\x08\0\x03\0\0" + b"P\0\0\0\x07abc" + b"S\0\0\0\x04"
    for cut in range(len(whole)):
        frames = Frames(is_client=True)
        assert frames.kinds(whole[:cut]) + frames.kinds(whole[cut:]) == [b"", PARSE, SYNC]
    assert Frames(is_client=False).kinds(b"Z\0\0\0\x05I" * 2) == [READY, READY]


@pytest.mark.parametrize(
    ("course", "count"),
    [
        # What the server says early is no answer: the question goes on.
        ([("asked", PARSE), ("answered", ROW), ("asked", SYNC), ("answered", READY)], 1),
        # Two questions at once are one wait, until both are answered.
        ([("asked", SYNC), ("asked", SYNC), ("answered", READY), ("asked", SYNC)], 1),
        ([("asked", QUERY), ("answered", READY), ("asked", QUERY)], 2),
        ([("asked", FLUSH), ("asked", FLUSH)], 0),
        ([("asked", PARSE), ("asked", FLUSH), ("answered", ROW), ("asked", SYNC)], 2),
    ],
)
def test_a_course_of_messages_has_its_trips(course, count):
    trips = Trips()
    for way, kind in course:
        getattr(trips, way)([kind])
    assert trips.count == count
