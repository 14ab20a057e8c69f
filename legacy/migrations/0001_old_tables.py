"""The old pair of tables, where they do not stand already, and the row that says how far they were left behind.

Tables that stand are left as they are, whatever else is in them; going back takes away only what was made here.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

MADE_HERE = "Made by Callboard, in the shape of the old messenger."

OLD_TABLES = (
    f"""
    DO $made$ BEGIN
        IF to_regclass('public.conversations') IS NULL THEN
            CREATE TABLE public.conversations (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                help_request_id uuid,
                requester_id uuid,
                helper_id uuid,
                status text DEFAULT 'active',
                created_at timestamptz DEFAULT now(),
                updated_at timestamptz DEFAULT now()
            );
            COMMENT ON TABLE public.conversations IS '{MADE_HERE}';
        END IF;
        IF to_regclass('public.messages') IS NULL THEN
            CREATE TABLE public.messages (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                conversation_id uuid REFERENCES public.conversations (id),
                sender_id uuid,
                recipient_id uuid,
                content text,
                message_type text DEFAULT 'text',
                status text DEFAULT 'sent',
                read_at timestamptz,
                moderation_status text DEFAULT 'approved',
                is_flagged boolean DEFAULT false,
                flagged_reason text,
                parent_message_id uuid,
                thread_id uuid,
                created_at timestamptz DEFAULT now(),
                updated_at timestamptz DEFAULT now()
            );
            COMMENT ON TABLE public.messages IS '{MADE_HERE}';
            -- The old client reads a conversation by its newest messages.
            CREATE INDEX messages_conversation_latest ON public.messages (conversation_id, created_at DESC);
        END IF;
    END $made$
    """,
    f"""
    DO $made$ BEGIN
        IF obj_description(to_regclass('public.messages'), 'pg_class') = '{MADE_HERE}' THEN
            DROP TABLE public.messages;
        END IF;
        IF obj_description(to_regclass('public.conversations'), 'pg_class') = '{MADE_HERE}' THEN
            DROP TABLE public.conversations;
        END IF;
    END $made$
    """,
)

# Which old conversation is which new one: several of a pair are one. What is written anew goes to the main one. A
# message has one id on both sides; one that is gone for good on the old side is remembered, so that nothing brings it
# back; and what could not be written because an old row was held by somebody is written by whoever comes by next: of
# what the old side has not been told at all, whoever writes to that conversation.
BESIDE = (
    """
    CREATE TABLE legacy_link (
        old_id uuid CONSTRAINT legacy_link_pkey PRIMARY KEY,
        new_id uuid NOT NULL,
        is_main boolean NOT NULL
    );
    CREATE UNIQUE INDEX legacy_link_main ON legacy_link (new_id) WHERE is_main;
    CREATE INDEX legacy_link_new ON legacy_link (new_id);
    CREATE TABLE legacy_tombstone (message_id uuid CONSTRAINT legacy_tombstone_pkey PRIMARY KEY);
    -- Not unique: who notes a debt would wait for who has just settled it, and that one perhaps for them.
    CREATE TABLE legacy_debt (message_id uuid NOT NULL, is_untold boolean NOT NULL DEFAULT false);
    CREATE INDEX legacy_debt_message ON legacy_debt (message_id);
    CREATE TABLE legacy_difference (
        subject text NOT NULL, id uuid NOT NULL, what text NOT NULL,
        CONSTRAINT legacy_difference_pkey PRIMARY KEY (subject, id, what)
    )
    """,
    "DROP TABLE IF EXISTS legacy_link, legacy_tombstone, legacy_debt, legacy_difference",
)

STATES = ["detached", "attached", "backfilled", "verified", "cut_over", "retired"]


class Migration(migrations.Migration):
    initial = True
    dependencies = [("messaging", "0015_older_schema_beside")]
    operations = [
        migrations.CreateModel(
            name="Bridge",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("detached", "Detached"),
                            ("attached", "Attached"),
                            ("backfilled", "Backfilled"),
                            ("verified", "Verified"),
                            ("cut_over", "Cut Over"),
                            ("retired", "Retired"),
                        ],
                        default="detached",
                        max_length=10,
                    ),
                ),
                ("event_id", models.UUIDField(null=True)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("detached_at", models.DateTimeField(null=True)),
                ("phase", models.CharField(blank=True, default="", max_length=15)),
                ("upto", models.UUIDField(null=True)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("verify_phase", models.CharField(blank=True, default="", max_length=15)),
                ("verified_upto", models.UUIDField(null=True)),
                ("compared", models.BigIntegerField(default=0)),
                ("differences", models.BigIntegerField(default=0)),
                ("verified_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(id=1), name="bridge_is_one_row"),
                    models.CheckConstraint(condition=models.Q(state__in=STATES), name="bridge_state_is_known"),
                    models.CheckConstraint(
                        condition=models.Q(state="detached") | models.Q(event_id__isnull=False),
                        name="bridge_has_an_event",
                    ),
                ]
            },
        ),
        migrations.RunSQL(*OLD_TABLES),
        migrations.RunSQL(*BESIDE),
    ]
