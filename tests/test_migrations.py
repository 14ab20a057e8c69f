"""Every migration goes back, and going forward again makes the same schema."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from tests.databases import OURS, an_empty_database


@pytest.fixture
def empty_database(db):
    with an_empty_database() as database:
        yield database


@pytest.mark.slow
def test_migrations_go_forward_back_and_forward_to_the_same_schema(empty_database):
    empty_database.migrate()
    before = empty_database.schema()
    # An app by itself, while those beside it stand.
    empty_database.migrate("moderation", "zero")
    # What builds on an app goes with it, so these two take all of ours along.
    empty_database.migrate("accounts", "zero")
    empty_database.migrate("api", "zero")
    left = empty_database.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        f" AND split_part(relname, '_', 1) = ANY('{{{','.join(OURS)}}}')"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert left == []
    empty_database.migrate()
    assert empty_database.schema() == before


@pytest.mark.slow
def test_a_migration_of_many_steps_is_taken_up_where_it_was_broken_off(empty_database):
    """Killed while an index was built: what is left behind is there, and invalid."""
    empty_database.migrate("messaging", "0005")
    schema = empty_database.schema()
    with psycopg.connect(empty_database.url, autocommit=True) as opened:
        opened.execute("DROP INDEX delivery_feed, logentry_event")
        opened.execute(
            "DELETE FROM django_migrations WHERE (app, name) = ('messaging', '0005_feed_columns_and_indexes')"
        )
        opened.execute("SET lock_timeout = '100ms'")
        with psycopg.connect(empty_database.url) as beside:
            beside.execute("LOCK TABLE messaging_delivery IN ROW EXCLUSIVE MODE")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                opened.execute("CREATE INDEX CONCURRENTLY delivery_feed ON messaging_delivery (user_id)")
    assert empty_database.rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == [
        ("delivery_feed",)
    ]
    empty_database.migrate("messaging", "0005")
    assert empty_database.schema() == schema
    assert empty_database.rows("SELECT FROM pg_index WHERE NOT indisvalid") == []
    with psycopg.connect(empty_database.url, autocommit=True) as opened:
        opened.execute("DROP TRIGGER message_notes_addressees ON messaging_message")
        opened.execute("ALTER TABLE messaging_delivery DROP COLUMN is_at_large")
    empty_database.migrate("messaging", "0004")


def test_every_index_is_valid(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchall() == []


def test_every_forced_table_has_a_policy_for_its_owner_and_for_the_api(db):
    """Reads the catalogue: a table with row-level security but without a policy would silently be empty."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.relforcerowsecurity,"
            " array_agg(DISTINCT r.rolname) FROM pg_class c"
            " LEFT JOIN pg_policy p ON p.polrelid = c.oid LEFT JOIN pg_roles r ON r.oid = ANY(p.polroles)"
            " WHERE c.relrowsecurity GROUP BY c.oid"
        )
        tables = {name: (is_forced, set(roles)) for name, is_forced, roles in cursor.fetchall()}
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
    assert "events_block" in tables
    assert {name: standing for name, standing in tables.items() if standing != (True, {owner, "callboard_api"})} == {}
