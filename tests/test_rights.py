"""What the API's role can reach, read from the database's own catalogue."""

from django.db import connection


def rows(statement: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_every_definer_function_pins_its_search_path_and_is_closed_to_the_public(db):
    loose = rows(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace AND ("
        " proconfig IS NULL OR NOT EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search_path=%')"
        " OR has_function_privilege('public', oid, 'EXECUTE'))"
    )
    assert loose == []


# Written by hand: table, and what the role may do with it or with some of its columns.
REACHED = {
    ("accounts_auditentry", "INSERT"),
    ("accounts_user", "SELECT"),
    ("events_block", "DELETE"),
    ("events_block", "INSERT"),
    ("events_block", "SELECT"),
    ("events_event", "SELECT"),
    ("events_helprequest", "INSERT"),
    ("events_helprequest", "SELECT"),
    ("events_helprequest", "UPDATE"),
    ("events_membership", "SELECT"),
    ("messaging_conversation", "SELECT"),
    ("messaging_delivery", "SELECT"),
    ("messaging_expected", "SELECT"),
    ("messaging_handed", "SELECT"),
    ("messaging_message", "SELECT"),
    ("messaging_participant", "SELECT"),
    ("moderation_appeal", "SELECT"),
    ("moderation_report", "SELECT"),
    ("moderation_sanction", "SELECT"),
}


def test_role_reaches_these_tables_and_no_others(db):
    reached = rows(
        "SELECT table_name, privilege_type FROM information_schema.column_privileges"
        " WHERE grantee IN ('callboard_api', 'PUBLIC') AND table_schema = 'public'"
        " AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE')"
        " UNION SELECT table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE grantee IN ('callboard_api', 'PUBLIC') AND table_schema = 'public'"
    )
    assert set(reached) == REACHED


def test_role_is_no_superuser_and_cannot_log_in(db):
    assert rows(
        "SELECT rolsuper, rolcanlogin, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = 'callboard_api'"
    ) == [(False, False, False, False, False)]


def test_owner_is_no_superuser_and_obeys_policies(db):
    assert rows("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user") == [(False, False)]
