"""Several sends in one statement, each as if it had been made alone."""

from django.db import migrations

# By conversations, so that two of these statements never wait in a circle. Whoever else stands in the way is not waited
# for long, and nobody after that; a send without a row was not made.
SEND_TOGETHER = (
    """
    CREATE FUNCTION messaging_send_together(calls text, read_only_roles text[]) RETURNS TABLE (
        place bigint, is_found boolean, event_id uuid,
        role text, removed_at timestamptz, muted_until timestamptz, suspended_until timestamptz,
        partner_is_member boolean, is_blocked boolean, asked_at timestamptz, sent_at timestamptz,
        gate text
    )
    LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        call record;
        patience text := '50ms';
    BEGIN
        FOR call IN
            SELECT * FROM ROWS FROM (
                json_to_recordset(calls::json) AS (
                    person uuid, token uuid, token_stamp text,
                    conversation uuid, message uuid, content text, gate_stamp uuid, outcome text
                )
            ) WITH ORDINALITY AS told (
                person, token, token_stamp, conversation, message, content, gate_stamp, outcome, place
            )
            ORDER BY told.conversation, told.place
        LOOP
            BEGIN
                PERFORM public.callboard_enter(call.person, call.token, call.token_stamp);
                PERFORM set_config('lock_timeout', patience, true);
                SELECT sent.* INTO is_found, event_id, role, removed_at, muted_until, suspended_until,
                                   partner_is_member, is_blocked, asked_at, sent_at, gate
                FROM public.messaging_send(
                    call.conversation, call.message, call.content, read_only_roles, call.gate_stamp, call.outcome
                ) sent;
                -- What fails takes the role back by itself.
                PERFORM set_config('role', 'none', true);
                place := call.place;
                RETURN NEXT;
            EXCEPTION
                WHEN lock_not_available THEN
                    patience := '1ms';
                WHEN OTHERS THEN
                    NULL;
            END;
        END LOOP;
    END $$;
    REVOKE ALL ON FUNCTION messaging_send_together(text, text[]) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_send_together(text, text[])",
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0018_in_line")]
    operations = [migrations.RunSQL(*SEND_TOGETHER)]
