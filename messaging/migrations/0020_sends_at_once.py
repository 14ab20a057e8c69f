"""Ordinary sends of two people, of which most are, are written all at once; one by one what is left of them.

What is asked of each is what `messaging_send` asks. Who has a reason against it, or anything else about it, is not
among them: then that function says which. When anything goes wrong nothing of them is left, and each gets a try of its
own.
"""

from importlib import import_module

from django.db import migrations

_around = import_module("messaging.migrations.0015_older_schema_beside")
_together = import_module("messaging.migrations.0019_sends_together")

# What is told of a person and conversation is looked up by LATERAL with a LIMIT, row by row: whatever the planner takes
# for the number of calls, it reads no whole table for them.
AT_ONCE = """
    BEGIN
        BEGIN
            PERFORM set_config('lock_timeout', '5ms', true);
            FOR place, is_found, event_id, role, removed_at, muted_until, suspended_until,
                partner_is_member, is_blocked, asked_at, sent_at, gate
            IN
                WITH fit AS MATERIALIZED (
                    SELECT DISTINCT ON (told.conversation)
                           told.place, told.person, told.conversation, told.message, told.content,
                           facts.*, clock_timestamp() AS asked_at
                    FROM ROWS FROM (
                        json_to_recordset(calls::json) AS (
                            person uuid, token uuid, token_stamp text,
                            conversation uuid, message uuid, content text, gate_stamp uuid, outcome text
                        )
                    ) WITH ORDINALITY AS told (
                        person, token, token_stamp, conversation, message, content, gate_stamp, outcome, place
                    )
                    CROSS JOIN LATERAL (
                        SELECT known.event_id, known.role, known.removed_at, known.muted_until, known.suspended_until,
                               known.partner_is_member, known.is_blocked, known.partner_id,
                               public.messaging_detour(known.event_id, told.person) AS gate
                        FROM public.messaging_reply_facts_of(told.person, told.conversation) known
                        LIMIT 1
                    ) facts
                    WHERE told.outcome = 'pass'
                      AND told.gate_stamp IS NOT DISTINCT FROM (
                          SELECT known.stamp FROM public.messaging_gatestamp known
                      )
                      AND (told.token IS NULL OR EXISTS (
                          SELECT FROM public.callboard_live_token(told.person, told.token, told.token_stamp)
                      ))
                      AND facts.role <> ALL (read_only_roles)
                      AND facts.removed_at IS NULL
                      AND coalesce(facts.suspended_until <= clock_timestamp(), true)
                      AND coalesce(facts.muted_until <= clock_timestamp(), true)
                      AND facts.partner_is_member AND NOT facts.is_blocked
                      AND facts.partner_id IS NOT NULL
                      AND facts.gate IS DISTINCT FROM 'v1'
                    ORDER BY told.conversation, told.place
                ), moved AS (
                    UPDATE public.messaging_conversation conversation
                    SET last_message_id = fit.message,
                        last_message_at = greatest(
                            clock_timestamp(), conversation.last_message_at + interval '1 microsecond'
                        )
                    FROM fit WHERE conversation.id = fit.conversation
                      -- What is held alone has not begun it: of its people the log has to know ahead of what is said.
                      AND conversation.last_message_id IS NOT NULL
                    RETURNING fit.*, conversation.last_message_at AS sent_at
                ), written AS (
                    INSERT INTO public.messaging_message (
                        id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at
                    )
                    SELECT moved.message, moved.event_id, moved.conversation, 'direct', moved.person, moved.content,
                           '{}', '{}', moved.sent_at
                    FROM moved
                ), handed AS (
                    INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
                    SELECT moved.message, moved.partner_id, moved.event_id, moved.person, moved.sent_at FROM moved
                ), logged AS (
                    INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id)
                    SELECT 'message.created', moved.event_id, moved.conversation, moved.message FROM moved
                )
                SELECT moved.place, true, moved.event_id, moved.role, moved.removed_at, moved.muted_until,
                       moved.suspended_until, moved.partner_is_member, moved.is_blocked, moved.asked_at, moved.sent_at,
                       moved.gate
                FROM moved
            LOOP
                made := made || place;
                RETURN NEXT;
            END LOOP;
        EXCEPTION
            WHEN OTHERS THEN
                NULL;
        END;
        FOR call IN
"""

SEND_TOGETHER = _around.rewritten(
    _together.SEND_TOGETHER,
    ("        patience text := '50ms';\n", "        patience text := '50ms';\n        made bigint[] := '{}';\n"),
    ("    BEGIN\n        FOR call IN\n", AT_ONCE.removeprefix("\n")),
    (
        "            ORDER BY told.conversation, told.place\n        LOOP\n            BEGIN\n",
        """            WHERE told.place <> ALL (made)
            ORDER BY told.conversation, told.place
        LOOP
            BEGIN
""",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_live_tokens"), ("messaging", "0019_sends_together")]
    operations = [migrations.RunSQL(*SEND_TOGETHER)]
