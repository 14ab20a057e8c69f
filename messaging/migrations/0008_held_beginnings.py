"""A conversation that begins with a held message is there for its sender alone.

The others are only expected: whatever is shown, told or counted goes by participants, which they become, with the word
that there is a conversation, when its first message is let out or another passes. Who opens a direct conversation in
which they are expected goes on from it, as if there were none. Also: which of the staff moderate.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_before = import_module("messaging.migrations.0003_writing")


def rewritten(function: tuple[str, str], *changes: tuple[str, str]) -> tuple[str, str]:
    """The function as it was made, with these parts replaced; and how it was."""
    made = function[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    changed = made
    for old, new in changes:
        if changed.count(old) != 1:
            raise ValueError(f"not once in it: {old}")
        changed = changed.replace(old, new)
    return changed, made


EXPECTED = migrations.CreateModel(
    name="Expected",
    fields=[
        ("id", models.BigAutoField(primary_key=True, serialize=False)),
        (
            "conversation",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="expected",
                to="messaging.conversation",
            ),
        ),
        (
            "user",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ],
    options={
        "constraints": [models.UniqueConstraint(fields=("conversation", "user"), name="expected_unique")],
    },
)

# Who takes part sees whom else it waits for; those who are expected take no part.
SECURED = (
    """
    ALTER TABLE messaging_expected ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY expected_owner ON messaging_expected TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY expected_seen ON messaging_expected FOR SELECT TO callboard_api
        USING (conversation_id = ANY ((SELECT messaging_my_conversations())::uuid[]));
    GRANT SELECT ON messaging_expected TO callboard_api
    """,
    """
    REVOKE SELECT ON messaging_expected FROM callboard_api;
    DROP POLICY expected_seen ON messaging_expected;
    DROP POLICY expected_owner ON messaging_expected;
    ALTER TABLE messaging_expected NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY
    """,
)

# With the first message that is there for all, whoever writes it. Sends into a conversation that has one pay for
# looking at its row's old value, and nothing more.
BEGIN = (
    """
    CREATE FUNCTION messaging_begin() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        INSERT INTO public.messaging_participant (conversation_id, user_id, joined_at)
        SELECT NEW.id, waiting.user_id, NEW.created_at FROM public.messaging_expected waiting
        WHERE waiting.conversation_id = NEW.id ORDER BY waiting.id
        ON CONFLICT DO NOTHING;
        INSERT INTO public.messaging_logentry (kind, event_id, user_id, data)
        SELECT 'conversation.created', NEW.event_id, waiting.user_id, jsonb_build_object('conversation_id', NEW.id)
        FROM public.messaging_expected waiting WHERE waiting.conversation_id = NEW.id ORDER BY waiting.id;
        DELETE FROM public.messaging_expected waiting WHERE waiting.conversation_id = NEW.id;
        -- A maker who left while nobody else knew of it.
        UPDATE public.messaging_conversation conversation SET maker_id = first.user_id
        FROM (
            SELECT present.user_id FROM public.messaging_participant present
            WHERE present.conversation_id = NEW.id ORDER BY present.joined_at, present.id LIMIT 1
        ) first
        WHERE conversation.id = NEW.id AND conversation.kind = 'group' AND NOT EXISTS (
            SELECT FROM public.messaging_participant maker
            WHERE maker.conversation_id = NEW.id AND maker.user_id = NEW.maker_id
        );
        RETURN NULL;
    END $$;
    REVOKE ALL ON FUNCTION messaging_begin() FROM PUBLIC;
    CREATE TRIGGER conversation_begins AFTER UPDATE OF last_message_id ON messaging_conversation
        FOR EACH ROW WHEN (OLD.last_message_id IS NULL AND NEW.last_message_id IS NOT NULL)
        EXECUTE FUNCTION messaging_begin()
    """,
    """
    DROP TRIGGER conversation_begins ON messaging_conversation;
    DROP FUNCTION messaging_begin()
    """,
)

OPEN = rewritten(
    _before.OPEN,
    (
        """
        FROM unnest(me || others) WITH ORDINALITY AS people (id, place)
        ORDER BY people.place;
        IF is_held THEN
            -- The others find a conversation in which nothing has been said.
""",
        """
        FROM unnest(CASE WHEN is_held THEN ARRAY[me] ELSE me || others END) WITH ORDINALITY AS people (id, place)
        ORDER BY people.place;
        IF is_held THEN
            -- The others do not know of it.
            INSERT INTO public.messaging_expected (conversation_id, user_id)
            SELECT new_conversation, people.id FROM unnest(others) WITH ORDINALITY AS people (id, place)
            ORDER BY people.place;
""",
    ),
)

# A direct conversation that the other has begun and this person knows nothing of: theirs from now on as well. Null
# where it has become known meanwhile.
GO_ON = (
    """
    CREATE FUNCTION messaging_go_on(
        talk uuid, place uuid, me uuid, partner uuid, new_message uuid, new_content text, is_held boolean
    ) RETURNS timestamptz
    LANGUAGE plpgsql AS $$
    DECLARE
        said_at timestamptz;
    BEGIN
        PERFORM FROM public.messaging_conversation conversation WHERE conversation.id = talk FOR NO KEY UPDATE;
        DELETE FROM public.messaging_expected waiting WHERE waiting.conversation_id = talk AND waiting.user_id = me;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        said_at := clock_timestamp();
        INSERT INTO public.messaging_participant (conversation_id, user_id, joined_at) VALUES (talk, me, said_at);
        INSERT INTO public.messaging_logentry (kind, event_id, user_id, data)
        VALUES ('conversation.created', place, me, jsonb_build_object('conversation_id', talk));
        -- When the other began is nothing to go by.
        UPDATE public.messaging_conversation conversation SET created_at = said_at WHERE conversation.id = talk;
        IF is_held THEN
            RETURN public.messaging_hold(place, talk, me, new_message, new_content);
        END IF;
        UPDATE public.messaging_conversation conversation
        SET last_message_id = new_message,
            last_message_at = greatest(said_at, conversation.last_message_at + interval '1 microsecond')
        WHERE conversation.id = talk
        RETURNING conversation.last_message_at INTO said_at;
        INSERT INTO public.messaging_message (
            id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at
        ) VALUES (new_message, place, talk, 'direct', me, new_content, '{}', '{}', said_at);
        INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
        VALUES (new_message, partner, place, me, said_at);
        INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id)
        VALUES ('message.created', place, talk, new_message);
        RETURN said_at;
    END $$;
    REVOKE ALL ON FUNCTION messaging_go_on(uuid, uuid, uuid, uuid, uuid, text, boolean) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_go_on(uuid, uuid, uuid, uuid, uuid, text, boolean)",
)

# With `sent_at`, `existing_id` is the conversation from which it went on, in place of the new one.
START = rewritten(
    _before.START,
    (
        """
              AND conversation.low_id = least(me, others[1]) AND conversation.high_id = greatest(me, others[1]);
""",
        """
              AND conversation.low_id = least(me, others[1]) AND conversation.high_id = greatest(me, others[1]);
            IF EXISTS (
                SELECT FROM public.messaging_expected waiting
                WHERE waiting.conversation_id = existing_id AND waiting.user_id = me
            ) THEN
                sent_at := public.messaging_go_on(
                    existing_id, place, me, others[1], new_message, new_content, gate IS NOT NULL
                );
            END IF;
""",
    ),
)

# The trigger above tells of the conversation.
LET_OUT = rewritten(
    _before.LET_OUT,
    (
        """
        is_first boolean;
""",
        "\n",
    ),
    (
        """
            SELECT conversation.last_message_id IS NULL INTO is_first
            FROM public.messaging_conversation conversation
            WHERE conversation.id = held.conversation_id FOR NO KEY UPDATE;
""",
        "\n",
    ),
    (
        """
        IF is_first THEN
            INSERT INTO public.messaging_logentry (kind, event_id, user_id, data)
            SELECT 'conversation.created', held.event_id, reader.user_id,
                   jsonb_build_object('conversation_id', held.conversation_id)
            FROM public.messaging_participant reader
            WHERE reader.conversation_id = held.conversation_id AND reader.user_id <> held.sender_id;
        END IF;
""",
        "\n",
    ),
)

INVITE = rewritten(
    _before.INVITE,
    (
        """
        place uuid;
""",
        """
        place uuid;
        is_begun boolean;
""",
    ),
    (
        """
        SELECT conversation.event_id, conversation.kind, conversation.maker_id = me INTO place, kind, is_maker
""",
        """
        SELECT conversation.event_id, conversation.kind, conversation.maker_id = me,
               conversation.last_message_id IS NOT NULL
        INTO place, kind, is_maker, is_begun
""",
    ),
    (
        """
        FROM public.messaging_participant present WHERE present.conversation_id = asked;
""",
        """
        FROM (
            SELECT taking_part.user_id FROM public.messaging_participant taking_part
            WHERE taking_part.conversation_id = asked
            UNION ALL
            SELECT waiting.user_id FROM public.messaging_expected waiting WHERE waiting.conversation_id = asked
        ) present;
""",
    ),
    (
        """
        INSERT INTO public.messaging_participant (conversation_id, user_id, joined_at)
        VALUES (asked, invited, clock_timestamp());
""",
        """
        IF NOT is_begun THEN
            INSERT INTO public.messaging_expected (conversation_id, user_id) VALUES (asked, invited);
            is_done := true;
            RETURN;
        END IF;
        INSERT INTO public.messaging_participant (conversation_id, user_id, joined_at)
        VALUES (asked, invited, clock_timestamp());
""",
    ),
)

TAKE_OUT = rewritten(
    _before.TAKE_OUT,
    (
        """
            WHERE theirs.conversation_id = asked AND theirs.user_id = leaving
        );
""",
        """
            WHERE theirs.conversation_id = asked AND theirs.user_id = leaving
            UNION ALL
            SELECT FROM public.messaging_expected waiting
            WHERE waiting.conversation_id = asked AND waiting.user_id = leaving
        );
""",
    ),
    (
        """
        DELETE FROM public.messaging_participant gone
""",
        """
        DELETE FROM public.messaging_expected gone
        WHERE gone.conversation_id = asked AND gone.user_id = leaving;
        DELETE FROM public.messaging_participant gone
""",
    ),
)

MODERATE = rewritten(
    _before.MODERATE,
    (
        """
        is_staff := EXISTS (
            SELECT FROM public.accounts_user person WHERE person.id = me AND person.is_staff AND person.is_active
        );
""",
        """
        is_staff := public.events_moderates_as_staff(me);
""",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0007_feed_since_and_marker"), ("events", "0003_staff_who_moderate")]
    operations = [
        EXPECTED,
        *(
            migrations.RunSQL(*pair)
            for pair in (SECURED, BEGIN, OPEN, GO_ON, START, LET_OUT, INVITE, TAKE_OUT, MODERATE)
        ),
    ]
