"""What the feed reads by, added to tables that are written to meanwhile.

No transaction around it: each step that takes a table's lock gives it back at once, asks for it for a short time only
and tries again, so that writers behind it never wait long. Each can be run again where it broke off.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

BATCH = 10_000


def patiently(statement: str) -> str:
    return f"""
    DO $patiently$ BEGIN
        FOR attempt IN 1..120 LOOP
            BEGIN
                PERFORM set_config('lock_timeout', '500ms', true);
                {statement};
                RETURN;
            EXCEPTION WHEN lock_not_available THEN
                IF attempt = 120 THEN
                    RAISE;
                END IF;
            END;
            PERFORM pg_sleep(least(0.05 * attempt, 1));
        END LOOP;
    END $patiently$
    """


ADD_COLUMN = (
    patiently("ALTER TABLE messaging_delivery ADD COLUMN IF NOT EXISTS is_at_large boolean NOT NULL DEFAULT false"),
    patiently("ALTER TABLE messaging_delivery DROP COLUMN IF EXISTS is_at_large"),
)

# It costs a direct send nothing: the condition is looked at before anything is called.
NOTE_ADDRESSEES = (
    patiently(
        """CREATE OR REPLACE TRIGGER message_notes_addressees
        AFTER INSERT OR UPDATE OF event_id, roles, tags, created_at, held_at ON messaging_message
        FOR EACH ROW WHEN (NEW.conversation_id IS NULL) EXECUTE FUNCTION messaging_note_addressees()"""
    ),
    patiently("DROP TRIGGER IF EXISTS message_notes_addressees ON messaging_message"),
)

# The membership is asked before conversations are gathered, and neither where a row answers by itself.
MESSAGES_FOR_ME = """
    sender_id = (SELECT callboard_uid())
    OR held_at IS NULL AND (
        CASE WHEN conversation_id IS NULL THEN EXISTS (
            SELECT FROM events_membership mine
            WHERE mine.event_id = messaging_message.event_id
              AND mine.user_id = (SELECT callboard_uid())
              AND mine.removed_at IS NULL
              AND (messaging_message.roles = '{}' OR mine.role = ANY (messaging_message.roles))
              AND (messaging_message.tags = '{}' OR mine.tags::text[] && messaging_message.tags)
        ) ELSE conversation_id IN (SELECT unnest(messaging_my_conversations())) END
        OR EXISTS (
            SELECT FROM messaging_delivery handed
            WHERE handed.message_id = messaging_message.id AND handed.user_id = (SELECT callboard_uid())
        )
    )
"""
AS_BEFORE = """
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

POLICY = (
    patiently(f"ALTER POLICY message_seen ON messaging_message USING ({MESSAGES_FOR_ME})"),
    patiently(f"ALTER POLICY message_seen ON messaging_message USING ({AS_BEFORE})"),
)


def mark_deliveries(apps, schema_editor):
    """Those of messages at large, by delivery_unique."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM messaging_message WHERE conversation_id IS NULL ORDER BY event_id, created_at")
        for (message_id,) in cursor.fetchall():
            marked = BATCH
            while marked == BATCH:
                cursor.execute(
                    "UPDATE messaging_delivery SET is_at_large = true WHERE id IN ("
                    " SELECT id FROM messaging_delivery WHERE message_id = %s AND NOT is_at_large LIMIT %s)",
                    [message_id, BATCH],
                )
                marked = cursor.rowcount


def note_addressees(apps, schema_editor):
    """Of what was said before the trigger stood, by message_at_large_latest."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM events_event")
        for (event_id,) in cursor.fetchall():
            cursor.execute(
                "INSERT INTO messaging_addressee (event_id, role, tag, created_at, message_id)"
                " SELECT message.event_id, addressed.role, addressed.tag, message.created_at, message.id"
                " FROM messaging_message message"
                " CROSS JOIN LATERAL messaging_addressed(message.roles, message.tags) addressed"
                " WHERE message.event_id = %s AND message.conversation_id IS NULL AND message.held_at IS NULL"
                " ON CONFLICT DO NOTHING",
                [event_id],
            )


def forget_addressees(apps, schema_editor):
    """Without the trigger they would not keep up."""
    schema_editor.execute(patiently("TRUNCATE messaging_addressee"))


class BuildIndex(AddIndexConcurrently):
    """Or builds it again: a build that was broken off leaves an index behind that is invalid for good."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [self.index.name])
            (is_built,) = cursor.fetchone() or (None,)
        if is_built:
            return
        if is_built is False:
            schema_editor.execute(f'DROP INDEX CONCURRENTLY "{self.index.name}"')
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class DropIndex(RemoveIndexConcurrently):
    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        index = to_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        BuildIndex(self.model_name, index).database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0004_feed_tables")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(*ADD_COLUMN)],
            state_operations=[
                migrations.AddField(
                    model_name="delivery",
                    name="is_at_large",
                    field=models.BooleanField(db_default=False, editable=False),
                )
            ],
        ),
        migrations.RunSQL(*NOTE_ADDRESSEES),
        migrations.RunPython(mark_deliveries, migrations.RunPython.noop),
        migrations.RunPython(note_addressees, forget_addressees),
        BuildIndex(
            model_name="delivery",
            index=models.Index(
                fields=["user", "event_id", "is_at_large", "-message_created_at", "-message"], name="delivery_feed"
            ),
        ),
        BuildIndex(
            model_name="delivery",
            index=models.Index(
                fields=["message", "user"],
                condition=models.Q(("sms_status__isnull", False)),
                name="delivery_texted",
            ),
        ),
        DropIndex(model_name="delivery", name="delivery_user_event_latest"),
        BuildIndex(
            model_name="logentry",
            index=models.Index(fields=["event_id", "xid", "id"], name="logentry_event"),
        ),
        migrations.RunSQL(*POLICY),
    ]
