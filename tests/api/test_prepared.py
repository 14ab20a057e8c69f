"""Statements past psycopg's cursors answer, fail and are lost as they would through them."""

import threading
from datetime import date

import psycopg
import pytest
from django.conf import settings
from psycopg import errors

from api import prepared

SERIES = "SELECT number AS first, number::text AS second FROM generate_series(1, %s::int) AS number"


@pytest.fixture
def raw(transactional_db):
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        yield connection


def each(raw, *statements):
    """Twice: the first time psycopg prepares them, the second they go past it."""
    first = prepared.rows_of_each(raw, statements, prepare=True)
    assert all(prepared._ready(raw, statement) for statement in statements)
    second = prepared.rows_of_each(raw, statements, prepare=True)
    assert first == second
    return second


def test_rows_come_by_column_names_and_with_their_types(raw):
    numbers, nothing, times = each(
        raw, (SERIES, [2]), (SERIES, [0]), ("SELECT current_date AS today, NULL AS none", [])
    )
    assert [(row.first, row.second) for row in numbers] == [(1, "1"), (2, "2")]
    assert nothing == []
    assert isinstance(times[0].today, date)
    assert times[0].none is None


MOMENTS = [
    "2026-07-31 23:59:59.999999+00",
    "2026-07-31 12:00:00.12+00",
    "0001-01-01 00:00:00+00",
    "9999-12-31 23:59:59+00",
]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_moments_are_read_as_psycopg_reads_them(raw, zone):
    raw.execute("SELECT set_config('timezone', %s, false)", [zone])
    statement = ("SELECT moment::timestamptz FROM unnest(%s::text[]) AS told (moment)", [MOMENTS[:2]])
    if zone == "UTC":
        statement = (statement[0], [MOMENTS])
    through_a_cursor = [moment for (moment,) in raw.execute(*statement)]
    each(raw, statement)
    past_it = [row.moment for row in prepared.rows_of(raw, statement, prepare=True)]
    assert past_it == through_a_cursor
    assert [moment.utcoffset() for moment in past_it] == [moment.utcoffset() for moment in through_a_cursor]


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"])
def test_moments_that_python_has_no_word_for_are_errors(raw, moment):
    statement = "SELECT %s::text::timestamptz AS moment"
    each(raw, (statement, [MOMENTS[0]]))
    with pytest.raises(psycopg.DataError):
        prepared.row_of(raw, (statement, [moment]), prepare=True)
    assert prepared.row_of(raw, (statement, [MOMENTS[0]]), prepare=True).moment.year == 2026


def test_what_a_statement_is_asked_with_may_change_its_types_each_time(raw):
    statement = "SELECT %s AS said, %s::text AS kind"
    for value in (1, "one", None, 2.5, 2**40, b"two", 3, "three", date(2026, 7, 31), [1, 2]):
        [(row,)] = each(raw, (statement, [value, type(value).__name__]))
        assert row == (value, type(value).__name__)


def test_rows_that_are_asked_for_are_not_kept(raw):
    each(raw, ("SELECT repeat('x', %s::int) AS long", [1000]))
    assert [way.transformer.pgresult for way in raw.callboard_ways.by_text.values()] == [None]


@pytest.mark.django_db(transaction=True)
def test_one_row_is_none_where_there_is_none(raw):
    for _ in range(3):
        assert prepared.row_of(raw, (SERIES, [1]), prepare=True) == (1, "1")
        assert prepared.row_of(raw, (SERIES, [0]), prepare=True) is None


def test_a_statement_that_fails_takes_the_others_with_it_and_leaves_the_connection_usable(raw):
    raw.execute("CREATE TEMP TABLE kept (number int)")
    add, divide = ("INSERT INTO kept VALUES (%s::int)", [1]), ("SELECT 1 / %s::int AS share", [1])
    each(raw, add, divide)
    for _ in range(2):
        with pytest.raises(errors.DivisionByZero):
            prepared.rows_of_each(raw, [add, (divide[0], [0]), add], prepare=True)
    assert raw.execute("SELECT count(*) FROM kept").fetchone() == (2,)
    assert each(raw, divide) == [[(1,)]]


def test_errors_carry_the_state_that_the_database_names(raw):
    wrong = ("SELECT %s::int", ["x"])
    prepared.row_of(raw, (wrong[0], ["1"]), prepare=True)
    for _ in range(2):
        with pytest.raises(errors.InvalidTextRepresentation) as caught:
            prepared.row_of(raw, wrong, prepare=True)
        assert caught.value.sqlstate == "22P02"


def test_more_than_a_socket_holds_goes_both_ways(raw):
    long = "x" * 3_000_000
    found = each(raw, *[("SELECT %s::text AS said", [long])] * 4)
    assert [rows[0].said for rows in found] == [long] * 4


@pytest.mark.parametrize("number", [1, 3])
def test_a_connection_that_is_lost_is_an_operational_error(raw, number):
    statements = [("SELECT pg_backend_pid() AS pid", [])] * number
    [[row], *_] = each(raw, *statements)
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [row.pid])
    with pytest.raises(psycopg.OperationalError):
        prepared.rows_of_each(raw, statements, prepare=True)
    assert raw.closed or raw.pgconn.status == psycopg.pq.ConnStatus.BAD


def test_a_connection_that_is_lost_while_it_waits_is_an_operational_error(raw):
    [[row]] = each(raw, ("SELECT pg_backend_pid() AS pid, pg_sleep(%s::float)", [0.0]))

    def end():
        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
            waiting = "SELECT true FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
            while not other.execute(waiting, [row.pid]).fetchone():
                pass
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [row.pid])

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(psycopg.OperationalError):
        prepared.rows_of_each(raw, [("SELECT pg_backend_pid() AS pid, pg_sleep(%s::float)", [60.0])], prepare=True)
    ending.join(60)


def test_after_a_rollback_and_without_preparing_psycopg_does_it_all(raw):
    each(raw, (SERIES, [1]))
    with raw.transaction(force_rollback=True):
        raw.execute("SELECT 1", prepare=True)
    assert prepared.rows_of_each(raw, [(SERIES, [1])], prepare=True) == [[(1, "1")]]
    assert prepared.rows_of_each(raw, [("SELECT 7 AS seven", [])], prepare=None) == [[(7,)]]


@pytest.fixture
def changing(raw):
    """A table whose columns become others, by somebody else, under a statement that is prepared."""
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute("CREATE TABLE changing AS SELECT 1 AS number")
        yield other
        other.execute("DROP TABLE changing")


def test_a_statement_whose_columns_have_changed_is_prepared_anew(raw, changing):
    statement = ("SELECT * FROM changing WHERE %s", [True])
    each(raw, statement)
    for change in ("ADD COLUMN more text", "RENAME number TO figure", "ALTER figure TYPE bigint"):
        changing.execute(f"ALTER TABLE changing {change}")
        expected = changing.execute("SELECT * FROM changing")
        for _ in range(3):
            row = prepared.row_of(raw, statement, prepare=True)
            assert row == (1, None)
            assert row._fields == tuple(column.name for column in expected.description)
    changing.execute("ALTER TABLE changing ADD COLUMN third int")
    # Of several, what stands before it may not be done twice: they fail, once.
    with pytest.raises(errors.FeatureNotSupported):
        prepared.rows_of_each(raw, [statement, statement], prepare=True)
    assert each(raw, statement) == [[(1, None, None)]]
    changing.execute("ALTER TABLE changing ADD COLUMN fourth int")
    with pytest.raises(errors.FeatureNotSupported), raw.transaction():
        prepared.row_of(raw, statement, prepare=True)
    with raw.transaction():
        assert prepared.row_of(raw, statement, prepare=True) == (1, None, None, None)
