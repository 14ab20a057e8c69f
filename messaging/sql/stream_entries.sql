-- Rows of the log, with the snapshot in which they were looked for, which must be the statement's own: what the ORM cannot
-- say. A row for a conversation comes with those whom it can concern: who was handed its message, or takes part. Uses
-- logentry_xid (of one person logentry_event and logentry_user), delivery_unique and participant_unique.
SELECT looked.snapshot, looked.at, log.xid, log.id, log.kind, log.event_id::text, log.conversation_id::text,
       log.user_id::text, log.message_id::text, log.data,
       CASE WHEN log.conversation_id IS NULL THEN NULL
            WHEN log.message_id IS NULL THEN ARRAY(
                SELECT there.user_id::text FROM messaging_participant there
                WHERE there.conversation_id = log.conversation_id
            )
            ELSE ARRAY(
                SELECT handed.user_id::text FROM messaging_delivery handed WHERE handed.message_id = log.message_id
                UNION ALL
                SELECT said.sender_id::text FROM messaging_message said WHERE said.id = log.message_id
            ) END AS people
FROM (
    SELECT pg_current_snapshot()::text AS snapshot,
           (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS at
) looked
LEFT JOIN LATERAL (
{range}
) log ON true
ORDER BY log.id
