"""Row-level security: what the API's role sees of each table. It writes to none of them itself.

The first policy of each table is its owner's: a forced table hides its rows from its owner too.
"""

from django.db import migrations

TABLES = ("conversation", "participant", "message", "delivery")

# Without it the policy of participants would have to ask itself. One call per statement, not per row.
MY_CONVERSATIONS = (
    """
    CREATE FUNCTION messaging_my_conversations() RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        RETURN ARRAY(
            SELECT mine.conversation_id FROM public.messaging_participant mine
            WHERE mine.user_id = public.callboard_uid()
        );
    END $$;
    REVOKE ALL ON FUNCTION messaging_my_conversations() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION messaging_my_conversations() TO callboard_api
    """,
    "DROP FUNCTION messaging_my_conversations()",
)


def secured(table: str) -> tuple[str, str]:
    return (
        f"""
        ALTER TABLE messaging_{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY {table}_owner ON messaging_{table} TO CURRENT_USER USING (true) WITH CHECK (true);
        GRANT SELECT ON messaging_{table} TO callboard_api
        """,  # noqa: S608
        f"""
        REVOKE SELECT ON messaging_{table} FROM callboard_api;
        DROP POLICY {table}_owner ON messaging_{table};
        ALTER TABLE messaging_{table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY
        """,  # noqa: S608
    )


def visible(table: str, condition: str) -> tuple[str, str]:
    return (
        f"CREATE POLICY {table}_seen ON messaging_{table} FOR SELECT TO callboard_api USING ({condition})",
        f"DROP POLICY {table}_seen ON messaging_{table}",
    )


CONVERSATIONS_I_AM_IN = "id = ANY ((SELECT messaging_my_conversations())::uuid[])"

PEOPLE_I_TALK_WITH = """
    user_id = (SELECT callboard_uid())
    OR conversation_id = ANY ((SELECT messaging_my_conversations())::uuid[])
"""

# Mine; or let out, and in a conversation of mine, handed to me, or of concern to me as the member I am now.
MESSAGES_FOR_ME = """
    sender_id = (SELECT callboard_uid())
    OR held_at IS NULL AND (
        conversation_id IN (SELECT unnest(messaging_my_conversations()))
        OR EXISTS (
            SELECT FROM messaging_delivery handed
            WHERE handed.message_id = messaging_message.id AND handed.user_id = (SELECT callboard_uid())
        )
        OR conversation_id IS NULL AND EXISTS (
            SELECT FROM events_membership mine
            WHERE mine.event_id = messaging_message.event_id
              AND mine.user_id = (SELECT callboard_uid())
              AND mine.removed_at IS NULL
              AND (messaging_message.roles = '{}' OR mine.role = ANY (messaging_message.roles))
              AND (messaging_message.tags = '{}' OR mine.tags::text[] && messaging_message.tags)
        )
    )
"""

DELIVERIES_TO_OR_FROM_ME = "user_id = (SELECT callboard_uid()) OR sender_id = (SELECT callboard_uid())"


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_conversations")]
    operations = [
        migrations.RunSQL(*pair)
        for pair in (
            MY_CONVERSATIONS,
            *(secured(table) for table in TABLES),
            visible("conversation", CONVERSATIONS_I_AM_IN),
            visible("participant", PEOPLE_I_TALK_WITH),
            visible("message", MESSAGES_FOR_ME),
            visible("delivery", DELIVERIES_TO_OR_FROM_ME),
        )
    ]
