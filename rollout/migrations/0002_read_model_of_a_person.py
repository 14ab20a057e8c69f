"""Who has a flag, and by which read model a person reads: one place, which every process asks."""

from django.db import migrations

# 0 to 999, the same for good: a share of n per cent is everybody below 10 n, so that raising it only adds people.
# sha256, because PostgreSQL's own hash functions may change with a version.
BUCKET = (
    """
    CREATE FUNCTION rollout_bucket(flag text, event uuid, person uuid) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    DECLARE
        digest CONSTANT bytea := sha256(convert_to(flag, 'UTF8') || uuid_send(event) || uuid_send(person));
    BEGIN
        RETURN ((get_byte(digest, 0) << 16) + (get_byte(digest, 1) << 8) + get_byte(digest, 2)) % 1000;
    END $$;
    REVOKE ALL ON FUNCTION rollout_bucket(text, uuid, uuid) FROM PUBLIC
    """,
    "DROP FUNCTION rollout_bucket(text, uuid, uuid)",
)

# Half of the cost of asking would be two look-ups in lists that are nearly always empty. It is never taken back:
# whoever took it back would have to see what others are adding at that moment.
LISTS_PEOPLE = (
    """
    CREATE FUNCTION rollout_note_listed() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        UPDATE public.rollout_flag SET lists_people = true WHERE id = NEW.flag_id AND NOT lists_people;
        RETURN NULL;
    END $$;
    REVOKE ALL ON FUNCTION rollout_note_listed() FROM PUBLIC;
    CREATE TRIGGER flag_users_are_noted AFTER INSERT OR UPDATE ON rollout_flag_users
        FOR EACH ROW EXECUTE FUNCTION rollout_note_listed();
    CREATE TRIGGER flag_groups_are_noted AFTER INSERT OR UPDATE ON rollout_flag_groups
        FOR EACH ROW EXECUTE FUNCTION rollout_note_listed()
    """,
    """
    DROP TRIGGER flag_groups_are_noted ON rollout_flag_groups;
    DROP TRIGGER flag_users_are_noted ON rollout_flag_users;
    DROP FUNCTION rollout_note_listed()
    """,
)

# Reads rollout_flag by its unique name. `everyone` goes before all else; nobody has no flag.
IS_ON = (
    """
    CREATE FUNCTION rollout_is_on(flag text, event uuid, person uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    DECLARE
        wanted public.rollout_flag;
    BEGIN
        SELECT * INTO wanted FROM public.rollout_flag WHERE name = flag;
        IF wanted.id IS NULL OR person IS NULL OR NOT coalesce(wanted.everyone, true) THEN
            RETURN false;
        END IF;
        IF wanted.everyone OR wanted.authenticated
            OR wanted.percent > 0 AND public.rollout_bucket(flag, event, person) < wanted.percent * 10 THEN
            RETURN true;
        END IF;
        -- One condition in another: a look into a table is only begun where the flag asks for it.
        IF wanted.staff OR wanted.superusers THEN
            IF EXISTS (
                SELECT FROM public.accounts_user
                WHERE id = person AND (wanted.staff AND is_staff OR wanted.superusers AND is_superuser)
            ) THEN
                RETURN true;
            END IF;
        END IF;
        IF NOT wanted.lists_people THEN
            RETURN false;
        END IF;
        RETURN EXISTS (SELECT FROM public.rollout_flag_users WHERE flag_id = wanted.id AND user_id = person)
            OR EXISTS (
                SELECT FROM public.rollout_flag_groups listed
                JOIN public.accounts_user_groups mine USING (group_id)
                WHERE listed.flag_id = wanted.id AND mine.user_id = person
            );
    END $$;
    REVOKE ALL ON FUNCTION rollout_is_on(text, uuid, uuid) FROM PUBLIC
    """,
    "DROP FUNCTION rollout_is_on(text, uuid, uuid)",
)

# In plpgsql, because before PostgreSQL 18 a function in SQL is planned anew for every call.
READ_MODEL = (
    """
    CREATE FUNCTION rollout_read_model(event uuid, person uuid) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF EXISTS (SELECT FROM public.rollout_livemodel WHERE live = 'v2')
            OR public.rollout_is_on('messages_readmodel_v2', event, person) THEN
            RETURN 'v2';
        END IF;
        RETURN 'v1';
    END $$;
    REVOKE ALL ON FUNCTION rollout_read_model(uuid, uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION rollout_read_model(uuid, uuid) TO callboard_api
    """,
    "DROP FUNCTION rollout_read_model(uuid, uuid)",
)

# Drawn where the read model is asked anyway: no process keeps the share, so a new one counts at once everywhere.
IS_SAMPLED = (
    """
    CREATE FUNCTION rollout_is_sampled() RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        RETURN coalesce((SELECT random() * 100 < share FROM public.rollout_sampling), false);
    END $$;
    REVOKE ALL ON FUNCTION rollout_is_sampled() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION rollout_is_sampled() TO callboard_api
    """,
    "DROP FUNCTION rollout_is_sampled()",
)


class Migration(migrations.Migration):
    dependencies = [("rollout", "0001_flags_and_comparisons"), ("accounts", "0002_rights_and_look_ups")]
    operations = [migrations.RunSQL(*pair) for pair in (BUCKET, LISTS_PEOPLE, IS_ON, READ_MODEL, IS_SAMPLED)]
