"""What the API's role may do with the tables of accounts, in raw SQL."""

import pytest
from django.db import DatabaseError, connection

from accounts import tokens
from api.database import acting_as

pytestmark = pytest.mark.django_db

FUNCTIONS = {"accounts_token_owner(bytea)", "accounts_sign_out(uuid)"}


def rows(statement: str, values: list | None = None) -> list:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def test_role_has_these_rights_and_no_others():
    held = rows(
        "SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges"
        " WHERE grantee IN ('callboard_api', 'PUBLIC') AND table_name LIKE 'accounts%%'"
        " AND table_name <> 'accounts_auditentry'"
    )
    assert set(held) == {("accounts_user", column, "SELECT") for column in ("id", "username", "name", "avatar_url")}
    held = rows(
        "SELECT table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE grantee IN ('callboard_api', 'PUBLIC') AND table_name LIKE 'accounts%%'"
    )
    assert set(held) == {("accounts_auditentry", "INSERT")}


def test_role_reads_what_others_may_see(alice, bob):
    with acting_as(bob):
        assert set(rows("SELECT id, username, name, avatar_url FROM accounts_user")) == {
            (alice.id, "alice", "Attendee One", None),
            (bob.id, "bob", "Dealer One", None),
        }


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM accounts_user",
        "SELECT phone FROM accounts_user",
        "SELECT password FROM accounts_user",
        "SELECT id FROM accounts_user WHERE phone = '+4915112345678'",
        "SELECT id FROM accounts_user ORDER BY password",
        "SELECT is_staff FROM accounts_user",
        "SELECT to_jsonb(person) FROM accounts_user person",
        "UPDATE accounts_user SET is_staff = true",
        "INSERT INTO accounts_user (id) VALUES (gen_random_uuid())",
        "DELETE FROM accounts_user",
        "SELECT id FROM accounts_token",
        "SELECT count(*) FROM accounts_token",
        "UPDATE accounts_token SET revoked_at = NULL",
        "INSERT INTO accounts_token (id) VALUES (gen_random_uuid())",
        "DELETE FROM accounts_token",
        "SELECT * FROM accounts_user_groups",
        "INSERT INTO accounts_user_groups (user_id, group_id) VALUES (gen_random_uuid(), 1)",
    ],
)
def test_role_is_refused(alice, statement):
    with pytest.raises(DatabaseError, match="permission denied"), acting_as(alice):
        rows(statement)


def test_functions_that_run_as_the_owner_are_these():
    found = rows(
        "SELECT p.oid::regprocedure::text, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE'),"
        " has_function_privilege('callboard_api', p.oid, 'EXECUTE')"
        " FROM pg_proc p WHERE p.prosecdef AND p.proname LIKE 'accounts%%'"
    )
    assert {name for name, *_ in found} == FUNCTIONS
    for _, settings, public, api_role in found:
        assert settings == ["search_path=pg_catalog, public, pg_temp"]
        assert (public, api_role) == (False, True)


def test_look_up_in_the_role_needs_the_digest(alice, bob):
    _, secret = tokens.issue(user=alice)
    with acting_as(bob):
        assert tokens.owner(secret)[0] == alice
        assert rows("SELECT * FROM accounts_token_owner(NULL)") == []
        assert rows("SELECT * FROM accounts_token_owner('')") == []


def test_sign_out_in_the_role_ends_nobody_elses_token(alice, bob):
    token, secret = tokens.issue(user=alice)
    with acting_as(bob):
        assert rows("SELECT accounts_sign_out(%s)", [token.id]) == [(False,)]
    assert rows("SELECT accounts_sign_out(%s)", [token.id]) == [(False,)]
    with acting_as(alice):
        assert rows("SELECT accounts_sign_out(%s)", [token.id]) == [(True,)]
        assert rows("SELECT accounts_sign_out(%s)", [token.id]) == [(False,)]
    assert tokens.owner(secret) is None


def test_a_temporary_table_does_not_stand_in_for_a_real_one(alice):
    _, secret = tokens.issue(user=alice)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE accounts_token (LIKE public.accounts_token) ON COMMIT DROP")
    assert tokens.owner(secret)[0] == alice
