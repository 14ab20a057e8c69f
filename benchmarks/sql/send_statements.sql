-- The same rows, one statement after the other.
\set no random(1, :pairs)
BEGIN;
SELECT conversation, event, sender, recipient, uuidv7() AS message FROM benchmark_pair WHERE no = :no \gset
UPDATE messaging_conversation SET last_message_id = :message, last_message_at = clock_timestamp()
WHERE id = :conversation;
INSERT INTO messaging_message
    (id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at)
VALUES (:message, :event, :conversation, 'direct', :sender, :text, '{}', '{}', clock_timestamp());
INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
VALUES (:message, :recipient, :event, :sender, clock_timestamp());
INSERT INTO messaging_logentry (kind, event_id, conversation_id, message_id)
VALUES ('message.created', :event, :conversation, :message);
COMMIT;
