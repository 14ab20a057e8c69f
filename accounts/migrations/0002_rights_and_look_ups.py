"""What the API's role may do with people, tokens and the audit; and that the audit is only ever added to."""

from django.db import migrations

PEOPLE = (
    "GRANT SELECT (id, username, name, avatar_url) ON accounts_user TO callboard_api",
    "REVOKE SELECT (id, username, name, avatar_url) ON accounts_user FROM callboard_api",
)

AUDIT = (
    "GRANT INSERT ON accounts_auditentry TO callboard_api",
    "REVOKE INSERT ON accounts_auditentry FROM callboard_api",
)

# ENABLE ALWAYS: replication's switch does not get round it either.
APPEND_ONLY = (
    """
    CREATE FUNCTION accounts_refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        RAISE EXCEPTION 'the audit is append-only: % is refused', TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END $$;
    CREATE TRIGGER auditentry_is_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_audit_change();
    ALTER TABLE accounts_auditentry ENABLE ALWAYS TRIGGER auditentry_is_append_only
    """,
    """
    DROP TRIGGER auditentry_is_append_only ON accounts_auditentry;
    DROP FUNCTION accounts_refuse_audit_change()
    """,
)

# The only way from the API to tokens and phones: one row for one live token. In plpgsql, because before
# PostgreSQL 18 a function in SQL is planned anew for every call.
TOKEN_OWNER = (
    """
    CREATE FUNCTION accounts_token_owner(wanted bytea) RETURNS TABLE (
        id uuid, username text, name text, phone text, avatar_url text,
        is_active boolean, is_staff boolean, token_id uuid, stamp text, is_in_maintenance boolean
    )
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
        SELECT person.id, person.username::text, person.name::text, person.phone::text, person.avatar_url::text,
               person.is_active, person.is_staff, token.id, person.xmin::text,
               EXISTS (SELECT FROM public.api_maintenance)
        FROM public.accounts_token token
        JOIN public.accounts_user person ON person.id = token.user_id
        WHERE token.digest = wanted
          AND token.revoked_at IS NULL
          AND token.expires_at > statement_timestamp()
          AND person.is_active;
    END $$;
    REVOKE ALL ON FUNCTION accounts_token_owner(bytea) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION accounts_token_owner(bytea) TO callboard_api
    """,
    "DROP FUNCTION accounts_token_owner(bytea)",
)

# What a process remembers of a token counts only as long as nothing has changed since: the first statement of a
# transaction asks, and what follows never runs when something has. Maintenance is a change too.
CHECK_TOKEN = (
    """
    CREATE FUNCTION callboard_check_token(person uuid, token uuid, stamp text) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
    BEGIN
        IF EXISTS (SELECT FROM public.api_maintenance) OR NOT EXISTS (
            SELECT FROM public.accounts_token known
            JOIN public.accounts_user owner ON owner.id = known.user_id
            WHERE known.id = token AND known.revoked_at IS NULL AND known.expires_at > statement_timestamp()
              AND owner.id = person AND owner.is_active AND owner.xmin::text = stamp
        ) THEN
            RAISE EXCEPTION 'what was known of this token is out of date' USING ERRCODE = 'CB001';
        END IF;
    END $$;
    REVOKE ALL ON FUNCTION callboard_check_token(uuid, uuid, text) FROM PUBLIC
    """,
    "DROP FUNCTION callboard_check_token(uuid, uuid, text)",
)

# A person's transaction begins here: as the owner, who then takes the API's role. Without a token nothing is asked.
ENTER = (
    """
    CREATE FUNCTION callboard_enter(person uuid, token uuid, stamp text) RETURNS void
    LANGUAGE plpgsql AS $$
    BEGIN
        IF token IS NOT NULL THEN
            PERFORM public.callboard_check_token(person, token, stamp);
        END IF;
        PERFORM set_config('role', 'callboard_api', true), set_config('callboard.user_id', person::text, true),
                set_config('statement_timeout', '15s', true), set_config('lock_timeout', '5s', true);
    END $$;
    REVOKE ALL ON FUNCTION callboard_enter(uuid, uuid, text) FROM PUBLIC
    """,
    "DROP FUNCTION callboard_enter(uuid, uuid, text)",
)

# Ends a token of the person who asks, and nobody else's; true when it was live.
SIGN_OUT = (
    """
    CREATE FUNCTION accounts_sign_out(ended uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        UPDATE public.accounts_token SET revoked_at = statement_timestamp()
        WHERE id = ended AND user_id = public.callboard_uid() AND revoked_at IS NULL;
        RETURN FOUND;
    END $$;
    REVOKE ALL ON FUNCTION accounts_sign_out(uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION accounts_sign_out(uuid) TO callboard_api
    """,
    "DROP FUNCTION accounts_sign_out(uuid)",
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_people_tokens_audit"), ("api", "0002_answers_and_maintenance")]
    operations = [
        migrations.RunSQL(*pair) for pair in (PEOPLE, AUDIT, APPEND_ONLY, TOKEN_OWNER, CHECK_TOKEN, ENTER, SIGN_OUT)
    ]
