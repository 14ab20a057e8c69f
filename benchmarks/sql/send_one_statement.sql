-- The rows of a direct send, in one statement and without a guard.
\set no random(1, :pairs)
WITH pair AS MATERIALIZED (
    SELECT conversation, event, sender, recipient, uuidv7() AS message FROM benchmark_pair WHERE no = :no
), moved AS (
    UPDATE messaging_conversation SET last_message_id = pair.message, last_message_at = clock_timestamp()
    FROM pair WHERE id = pair.conversation RETURNING last_message_at AS moment
), said AS (
    INSERT INTO messaging_message
        (id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at)
    SELECT message, event, conversation, 'direct', sender, :text, '{}', '{}', moment FROM pair, moved
), handed AS (
    INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
    SELECT message, recipient, event, sender, moment FROM pair, moved
)
INSERT INTO messaging_logentry (kind, event_id, conversation_id, message_id)
SELECT 'message.created', event, conversation, message FROM pair;
