"""What the provider told stays as it came, but for whose phone it was: that may be forgotten, and no more changed."""

from django.db import migrations

FORGOTTEN = (
    # All that remains of a callback then is named; what a provider adds one day is forgotten with the rest.
    """
    CREATE FUNCTION messaging_without_person(fields jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
        SELECT coalesce(jsonb_object_agg(key, value), '{}'::jsonb)
        FROM jsonb_each(fields) WHERE key IN (
            'AccountSid', 'ApiVersion', 'ErrorCode', 'MessageSid', 'MessageStatus', 'MessagingServiceSid', 'NumMedia',
            'NumSegments', 'OptOutType', 'SmsMessageSid', 'SmsSid', 'SmsStatus'
        )
    $$;
    REVOKE ALL ON FUNCTION messaging_without_person(jsonb) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_without_person(jsonb)",
)

FIXED = (
    """
    CREATE FUNCTION messaging_keep_callback() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
    DECLARE
        forgotten public.messaging_callback := OLD;
    BEGIN
        forgotten.fields := public.messaging_without_person(OLD.fields);
        IF NEW IS DISTINCT FROM forgotten THEN
            RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$;
    REVOKE ALL ON FUNCTION messaging_keep_callback() FROM PUBLIC;
    DROP TRIGGER callback_is_append_only ON messaging_callback;
    CREATE TRIGGER callback_is_append_only
        BEFORE DELETE OR TRUNCATE ON messaging_callback
        FOR EACH STATEMENT EXECUTE FUNCTION messaging_refuse_change();
    ALTER TABLE messaging_callback ENABLE ALWAYS TRIGGER callback_is_append_only;
    CREATE TRIGGER callback_is_fixed
        BEFORE UPDATE ON messaging_callback
        FOR EACH ROW EXECUTE FUNCTION messaging_keep_callback();
    ALTER TABLE messaging_callback ENABLE ALWAYS TRIGGER callback_is_fixed
    """,
    """
    DROP TRIGGER callback_is_fixed ON messaging_callback;
    DROP TRIGGER callback_is_append_only ON messaging_callback;
    CREATE TRIGGER callback_is_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON messaging_callback
        FOR EACH STATEMENT EXECUTE FUNCTION messaging_refuse_change();
    ALTER TABLE messaging_callback ENABLE ALWAYS TRIGGER callback_is_append_only;
    DROP FUNCTION messaging_keep_callback()
    """,
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0012_log_of_a_person")]
    operations = [migrations.RunSQL(*FORGOTTEN), migrations.RunSQL(*FIXED)]
