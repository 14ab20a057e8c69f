"""What is known of a token, asked as a table too: a statement that is about several persons asks it of all at once."""

from importlib import import_module

from django.db import migrations

_rights = import_module("accounts.migrations.0002_rights_and_look_ups")

# A row where what was remembered of the token still holds; none while writing is switched off, which is a change too.
LIVE_TOKEN = (
    """
    CREATE FUNCTION callboard_live_token(person uuid, token uuid, stamp text) RETURNS SETOF uuid
    LANGUAGE sql STABLE AS $$
        SELECT known.id
        FROM public.accounts_token known
        JOIN public.accounts_user owner ON owner.id = known.user_id
        WHERE known.id = token AND known.revoked_at IS NULL AND known.expires_at > statement_timestamp()
          AND owner.id = person AND owner.is_active AND owner.xmin::text = stamp
          AND NOT EXISTS (SELECT FROM public.api_maintenance)
    $$;
    REVOKE ALL ON FUNCTION callboard_live_token(uuid, uuid, text) FROM PUBLIC
    """,
    "DROP FUNCTION callboard_live_token(uuid, uuid, text)",
)

CHECK_TOKEN = (
    """
    CREATE OR REPLACE FUNCTION callboard_check_token(person uuid, token uuid, stamp text) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM public.callboard_live_token(person, token, stamp)) THEN
            RAISE EXCEPTION 'what was known of this token is out of date' USING ERRCODE = 'CB001';
        END IF;
    END $$
    """,
    _rights.CHECK_TOKEN[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_second_factors_and_sessions")]
    operations = [migrations.RunSQL(*LIVE_TOKEN), migrations.RunSQL(*CHECK_TOKEN)]
