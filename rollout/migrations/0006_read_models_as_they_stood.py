"""How it stood who reads by which model, to be kept beside what was published then.

A swap, or another share of the flag, may come in the middle of a fan-out. What tells everybody of it once has to go by
one answer for each person from its beginning to its end, so the question is kept, not the answers of 100,000 people.
"""

from django.db import migrations

# {"model": …} where all read by one, else the flag as it was. Who is listed is named, as lists may change; whoever is
# staff is looked up later.
STANDING = (
    """
    CREATE FUNCTION rollout_standing() RETURNS jsonb
    LANGUAGE plpgsql STABLE AS $$
    DECLARE
        wanted rollout_flag;
        people jsonb := '[]';
    BEGIN
        IF EXISTS (SELECT FROM rollout_livemodel WHERE live = 'v2') THEN
            RETURN jsonb_build_object('model', 'v2');
        END IF;
        SELECT * INTO wanted FROM rollout_flag WHERE name = 'messages_readmodel_v2';
        IF wanted.id IS NULL OR NOT coalesce(wanted.everyone, true) THEN
            RETURN jsonb_build_object('model', 'v1');
        END IF;
        IF wanted.everyone OR wanted.authenticated THEN
            RETURN jsonb_build_object('model', 'v2');
        END IF;
        IF wanted.lists_people THEN
            SELECT coalesce(jsonb_agg(listed.user_id), '[]') INTO people FROM (
                SELECT user_id FROM rollout_flag_users WHERE flag_id = wanted.id
                UNION
                SELECT theirs.user_id FROM accounts_user_groups theirs
                JOIN rollout_flag_groups grouped USING (group_id) WHERE grouped.flag_id = wanted.id
            ) listed;
        END IF;
        IF wanted.percent = 0 AND people = '[]' AND NOT (wanted.staff OR wanted.superusers) THEN
            RETURN jsonb_build_object('model', 'v1');
        END IF;
        RETURN jsonb_build_object(
            'percent', wanted.percent, 'people', people, 'staff', wanted.staff, 'superusers', wanted.superusers
        );
    END $$;
    REVOKE ALL ON FUNCTION rollout_standing() FROM PUBLIC
    """,
    "DROP FUNCTION rollout_standing()",
)

# Null where nothing was kept: written before there was anything to keep.
STOOD = (
    """
    CREATE FUNCTION rollout_read_model_as_it_stood(standing jsonb, event uuid, person uuid) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
    BEGIN
        IF standing IS NULL OR standing ? 'model' THEN
            RETURN standing ->> 'model';
        END IF;
        IF public.rollout_bucket('messages_readmodel_v2', event, person) < (standing ->> 'percent')::numeric * 10
           OR standing -> 'people' ? person::text THEN
            RETURN 'v2';
        END IF;
        IF (standing -> 'staff')::boolean OR (standing -> 'superusers')::boolean THEN
            IF EXISTS (
                SELECT FROM public.accounts_user
                WHERE id = person AND ((standing -> 'staff')::boolean AND is_staff
                                       OR (standing -> 'superusers')::boolean AND is_superuser)
            ) THEN
                RETURN 'v2';
            END IF;
        END IF;
        RETURN 'v1';
    END $$;
    REVOKE ALL ON FUNCTION rollout_read_model_as_it_stood(jsonb, uuid, uuid) FROM PUBLIC
    """,
    "DROP FUNCTION rollout_read_model_as_it_stood(jsonb, uuid, uuid)",
)


class Migration(migrations.Migration):
    dependencies = [("rollout", "0005_administrators_take_up_alarms")]
    operations = [migrations.RunSQL(*pair) for pair in (STANDING, STOOD)]
