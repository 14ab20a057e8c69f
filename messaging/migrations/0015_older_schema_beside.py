"""What another app needs that keeps an older schema in step with this one: rows whose text is not judged, and the one
place at which a start or a send of two people may take another way than straight into these tables.

By itself nothing does: `messaging_detour` is a constant, which becomes part of the expression around it. Such an app
puts functions of its own in the place of the three, and these back when it goes. No signature changes: what became of a
message (`gate`) is, where such an app stands, also the way that it took.
"""

from importlib import import_module

from django.db import migrations, models

_writing = import_module("messaging.migrations.0003_writing")
_held = import_module("messaging.migrations.0008_held_beginnings")
rewritten = _held.rewritten
patiently = import_module("messaging.migrations.0005_feed_columns_and_indexes").patiently

# Null where there is no other way; else the version of the one that this person's starts and sends take here.
DETOUR = (
    """
    CREATE FUNCTION messaging_detour(place uuid, person uuid) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$ SELECT NULL::text $$;
    REVOKE ALL ON FUNCTION messaging_detour(uuid, uuid) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_detour(uuid, uuid)",
)
# When it was said; after all that the rules ask. Null where that way is closed by now.
SEND_AROUND = (
    """
    CREATE FUNCTION messaging_send_around(talk uuid, me uuid, partner uuid, new_message uuid, new_content text)
    RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$ SELECT NULL::timestamptz $$;
    REVOKE ALL ON FUNCTION messaging_send_around(uuid, uuid, uuid, uuid, text) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_send_around(uuid, uuid, uuid, uuid, text)",
)
# Null where there is a conversation already.
OPEN_AROUND = (
    """
    CREATE FUNCTION messaging_open_around(
        me uuid, other uuid, place uuid, request uuid, new_conversation uuid, new_message uuid, new_content text
    ) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$ SELECT NULL::timestamptz $$;
    REVOKE ALL ON FUNCTION messaging_open_around(uuid, uuid, uuid, uuid, uuid, uuid, text) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_open_around(uuid, uuid, uuid, uuid, uuid, uuid, text)",
)

# What a person's starts and sends in an event really use.
VERSION = (
    """
    CREATE FUNCTION messaging_version(place uuid) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        RETURN coalesce(public.messaging_detour(place, public.callboard_uid()), 'v2');
    END $$;
    REVOKE ALL ON FUNCTION messaging_version(uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION messaging_version(uuid) TO callboard_api
    """,
    "DROP FUNCTION messaging_version(uuid)",
)

SEND = rewritten(
    _writing.SEND,
    (
        """
        -- The row's lock puts the sends of a conversation in line; only what comes after it reads the clock.
""",
        """
        IF partner IS NOT NULL THEN
            gate := public.messaging_detour(place, me);
            IF gate = 'v1' THEN
                sent_at := public.messaging_send_around(asked, me, partner, new_message, new_content);
                IF sent_at IS NOT NULL THEN
                    RETURN;
                END IF;
                -- The other way has been closed in this very moment.
                gate := NULL;
            END IF;
        END IF;
        -- The row's lock puts the sends of a conversation in line; only what comes after it reads the clock.
""",
    ),
)

AROUND = """
        IF gate IS NULL AND {is_of_two} THEN
            gate := public.messaging_detour(place, me);
        END IF;
        IF gate = 'v1' THEN
            sent_at := public.messaging_open_around(
                me, {other}, place, {request}, new_conversation, new_message, new_content
            );
        ELSE
            sent_at := public.messaging_open(
                me, {others}, place, {kind}, {request}, new_conversation, new_message, new_content,
                gate IS NOT DISTINCT FROM 'held'
            );
        END IF;
"""


def again(function: tuple[str, str], *changes: tuple[str, str]) -> tuple[str, str]:
    """One that was rewritten before, and back to that."""
    now = function[0].replace("CREATE OR REPLACE FUNCTION", "CREATE FUNCTION")
    return rewritten((now, ""), *changes)


START = again(
    _held.START,
    (
        """
        sent_at := public.messaging_open(
            me, others, place, new_kind, new_title, NULL, new_conversation, new_message, new_content,
            gate IS NOT NULL
        );
""",
        AROUND.format(
            is_of_two="new_kind = 'direct'",
            other="others[1]",
            others="others",
            kind="new_kind, new_title",
            request="NULL",
        ),
    ),
    (
        "existing_id, place, me, others[1], new_message, new_content, gate IS NOT NULL",
        "existing_id, place, me, others[1], new_message, new_content, gate IS NOT DISTINCT FROM 'held'",
    ),
)

OFFER_HELP = rewritten(
    _writing.OFFER_HELP,
    (
        """
        sent_at := public.messaging_open(
            me, ARRAY[asker], place, 'help', NULL, request, new_conversation, new_message, new_content,
            gate IS NOT NULL
        );
""",
        AROUND.format(is_of_two="true", other="asker", others="ARRAY[asker]", kind="'help', NULL", request="request"),
    ),
)

ADD_COLUMN = (
    patiently("ALTER TABLE messaging_message ADD COLUMN IF NOT EXISTS is_bridged boolean NOT NULL DEFAULT false"),
    patiently("ALTER TABLE messaging_message DROP COLUMN IF EXISTS is_bridged"),
)
# Only new rows are looked at while the table is locked; the others then, beside those who write.
LENGTH = "length(content) >= 1 AND length(content) <= 1000"
EXEMPT = (
    patiently(
        "ALTER TABLE messaging_message DROP CONSTRAINT IF EXISTS message_content_length,"
        f" ADD CONSTRAINT message_content_length CHECK (is_bridged OR {LENGTH}) NOT VALID"
    ),
    patiently(
        "ALTER TABLE messaging_message DROP CONSTRAINT IF EXISTS message_content_length,"
        f" ADD CONSTRAINT message_content_length CHECK ({LENGTH}) NOT VALID"
    ),
)
VALIDATE = patiently("ALTER TABLE messaging_message VALIDATE CONSTRAINT message_content_length")
# Rows that were taken over stay as they are; then it holds for new ones alone.
VALIDATE_IF_IT_HOLDS = patiently(
    f"""IF NOT EXISTS (SELECT FROM messaging_message WHERE NOT ({LENGTH})) THEN
        ALTER TABLE messaging_message VALIDATE CONSTRAINT message_content_length;
    END IF"""
)

Length = models.functions.Length
CONSTRAINT = models.CheckConstraint(
    condition=models.Q(is_bridged=True)
    | models.Q(
        models.lookups.GreaterThanOrEqual(Length("content"), 1), models.lookups.LessThanOrEqual(Length("content"), 1000)
    ),
    name="message_content_length",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0014_phones_that_are_kept")]
    operations = [
        # Backwards it is the last step: there the older check is looked through.
        migrations.RunSQL(migrations.RunSQL.noop, VALIDATE_IF_IT_HOLDS),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(*ADD_COLUMN)],
            state_operations=[
                migrations.AddField(
                    model_name="message",
                    name="is_bridged",
                    field=models.BooleanField(db_default=False, editable=False),
                )
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(*EXEMPT)],
            state_operations=[
                migrations.RemoveConstraint("message", "message_content_length"),
                migrations.AddConstraint("message", CONSTRAINT),
            ],
        ),
        migrations.RunSQL(VALIDATE, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                one.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
                back.replace("FUNCTION", "FUNCTION IF EXISTS"),
            )
            for one, back in (DETOUR, SEND_AROUND, OPEN_AROUND, VERSION)
        ),
        *(migrations.RunSQL(*pair) for pair in (SEND, START, OFFER_HELP)),
    ]
