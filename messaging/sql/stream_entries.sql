-- The next rows of the log with the oldest transaction that is still running, which must be of the same snapshot: what
-- the ORM cannot say. A row for a conversation comes with those whom it can concern: who was handed its message, or takes
-- part. Uses logentry_xid (of one person logentry_event and logentry_user), delivery_unique and participant_unique.
WITH horizon AS MATERIALIZED (
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xid
)
SELECT horizon.xid AS horizon, log.xid, log.id, log.kind, log.event_id::text, log.conversation_id::text,
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
FROM horizon
LEFT JOIN LATERAL (
{range}
) log ON true
ORDER BY log.xid, log.id
