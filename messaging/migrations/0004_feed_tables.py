"""Whom a message at large is for, kept by the database; how far a person has read a feed."""

import django.db.models.functions.datetime
from django.db import migrations, models

# Held messages are for nobody yet. What is changed is written anew, so that a release is one more of the same.
NOTE_ADDRESSEES = (
    """
    CREATE FUNCTION messaging_note_addressees() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            DELETE FROM public.messaging_addressee WHERE message_id = NEW.id;
        END IF;
        IF NEW.held_at IS NULL THEN
            INSERT INTO public.messaging_addressee (event_id, role, tag, created_at, message_id)
            SELECT NEW.event_id, addressed.role, addressed.tag, NEW.created_at, NEW.id
            FROM public.messaging_addressed(NEW.roles, NEW.tags) addressed
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN NULL;
    END $$;
    REVOKE ALL ON FUNCTION messaging_note_addressees() FROM PUBLIC
    """,
    "DROP FUNCTION messaging_note_addressees()",
)

# Empty is everyone.
ADDRESSED = (
    """
    CREATE FUNCTION messaging_addressed(roles text[], tags text[]) RETURNS TABLE (role text, tag text)
    LANGUAGE sql IMMUTABLE AS $$
        SELECT named.role, shared.tag
        FROM unnest(CASE WHEN roles = '{}' THEN '{""}' ELSE roles END) AS named (role)
        CROSS JOIN unnest(CASE WHEN tags = '{}' THEN '{""}' ELSE tags END) AS shared (tag)
    $$;
    REVOKE ALL ON FUNCTION messaging_addressed(text[], text[]) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_addressed(text[], text[])",
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_writing")]
    operations = [
        migrations.CreateModel(
            name="Addressee",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "event_id",
                        "role",
                        "tag",
                        "created_at",
                        "message_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event_id", models.UUIDField()),
                ("role", models.TextField(blank=True)),
                ("tag", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("message_id", models.UUIDField()),
            ],
            options={"indexes": [models.Index(fields=["message_id"], name="addressee_message")]},
        ),
        migrations.CreateModel(
            name="FeedMarker",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "user_id", "event_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("user_id", models.UUIDField()),
                ("event_id", models.UUIDField()),
                ("read_message_id", models.UUIDField()),
                ("read_upto", models.DateTimeField()),
                ("read_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RunSQL(*ADDRESSED),
        migrations.RunSQL(*NOTE_ADDRESSEES),
    ]
