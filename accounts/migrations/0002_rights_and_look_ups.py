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
        is_active boolean, is_staff boolean, token_id uuid, is_in_maintenance boolean
    )
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
        SELECT person.id, person.username::text, person.name::text, person.phone::text, person.avatar_url::text,
               person.is_active, person.is_staff, token.id, EXISTS (SELECT FROM public.api_maintenance)
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
    operations = [migrations.RunSQL(*pair) for pair in (PEOPLE, AUDIT, APPEND_ONLY, TOKEN_OWNER, SIGN_OUT)]
