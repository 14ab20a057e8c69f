"""What the API's role may do with events, members, help requests and blocks; and who sees a block."""

from django.db import migrations

EVENTS = (
    "GRANT SELECT ON events_event, events_membership TO callboard_api",
    "REVOKE SELECT ON events_event, events_membership FROM callboard_api",
)

HELP_REQUESTS = (
    "GRANT SELECT, INSERT, UPDATE (status) ON events_helprequest TO callboard_api",
    "REVOKE SELECT, INSERT, UPDATE (status) ON events_helprequest FROM callboard_api",
)

# Whoever is blocked cannot find out by looking. The owner, for which FORCE holds too, has a policy of its own.
BLOCKS = (
    """
    GRANT SELECT, INSERT, DELETE ON events_block TO callboard_api;
    ALTER TABLE events_block ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY block_is_its_makers ON events_block FOR ALL TO callboard_api
        USING (blocker_id = (SELECT callboard_uid()))
        WITH CHECK (blocker_id = (SELECT callboard_uid()));
    DO $$ BEGIN
        EXECUTE format('CREATE POLICY block_owner ON events_block FOR ALL TO %I USING (true) WITH CHECK (true)',
                       current_user);
    END $$
    """,
    """
    DROP POLICY block_owner ON events_block;
    DROP POLICY block_is_its_makers ON events_block;
    ALTER TABLE events_block NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
    REVOKE SELECT, INSERT, DELETE ON events_block FROM callboard_api
    """,
)

# With whom of these people (NULL: with whom at all) the asking person has a block, whoever of the two made it.
# The rows that others made are not the person's to read; which of the two it was is not told.
BLOCKED_WITH = (
    """
    CREATE FUNCTION events_blocked_with(people uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
    BEGIN
        RETURN QUERY
        SELECT blocked_id FROM public.events_block
        WHERE blocker_id = me AND (people IS NULL OR blocked_id = ANY (people))
        UNION
        SELECT blocker_id FROM public.events_block
        WHERE blocked_id = me AND (people IS NULL OR blocker_id = ANY (people));
    END $$;
    REVOKE ALL ON FUNCTION events_blocked_with(uuid[]) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION events_blocked_with(uuid[]) TO callboard_api
    """,
    "DROP FUNCTION events_blocked_with(uuid[])",
)


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_events_members_help_blocks"),
        ("accounts", "0002_rights_and_look_ups"),
        ("api", "0001_api_role"),
    ]
    operations = [migrations.RunSQL(*pair) for pair in (EVENTS, HELP_REQUESTS, BLOCKS, BLOCKED_WITH)]
