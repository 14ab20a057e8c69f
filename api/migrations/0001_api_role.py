"""The role in which the API reads and writes, and the function that tells its policies who is asking."""

from django.core.management.base import CommandError
from django.db import DatabaseError, migrations, transaction

# Roles belong to the whole cluster: another database may be making or granting this one at the same moment.
MAKE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'callboard_api') THEN
        CREATE ROLE callboard_api NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$
"""
GRANT_ROLE = """
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'callboard_api', %(kind)s) THEN
        GRANT callboard_api TO CURRENT_USER;
    END IF;
EXCEPTION WHEN unique_violation THEN
    NULL;
END $$
"""
ATTEMPTS = 5


def make_role(apps, schema_editor):
    connection = schema_editor.connection
    # From PostgreSQL 16 on, belonging to a role and being allowed to take it are two things.
    kind = "SET" if connection.pg_version >= 160000 else "MEMBER"
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute(MAKE_ROLE)
                cursor.execute(GRANT_ROLE.replace("%(kind)s", f"'{kind}'"))
            return
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", None) == "42501":  # insufficient_privilege
                raise CommandError(advice(connection)) from None
            if attempt == ATTEMPTS - 1:  # "tuple concurrently updated" while another database grants it
                raise


def advice(connection) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user)")
        user = cursor.fetchone()[0]
    return (
        f"The database user {user} may not make the role callboard_api. Let an administrator run these two"
        " statements once, then migrate again:\n"
        "    CREATE ROLE callboard_api NOLOGIN;\n"
        f"    GRANT callboard_api TO {user};"
    )


def keep_role(apps, schema_editor):
    """The role stays: it belongs to the cluster, and another database may use it."""


ASKING = """
CREATE FUNCTION callboard_uid() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
-- After a transaction the setting reads as an empty string, not NULL.
RETURN NULLIF(current_setting('callboard.user_id', true), '')::uuid
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunPython(make_role, keep_role),
        migrations.RunSQL(ASKING, "DROP FUNCTION callboard_uid()"),
        migrations.RunSQL(
            "GRANT USAGE ON SCHEMA public TO callboard_api",
            "REVOKE USAGE ON SCHEMA public FROM callboard_api",
        ),
    ]
