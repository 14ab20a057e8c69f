-- A page of a conversation with the names of its senders, as one range of message_conversation_latest; the ORM cannot
-- send it together with others. A held message is there for its sender alone.
SELECT message.id, message.conversation_id, message.event_id, message.message_type, message.sender_id,
       sender.name AS sender_name, sender.avatar_url AS sender_avatar_url, message.content, message.created_at,
       message.deleted_by_kind, message.held_at
FROM messaging_message message
LEFT JOIN accounts_user sender ON sender.id = message.sender_id
WHERE message.conversation_id = %s AND (message.created_at, message.id) < (%s, %s)
  AND (message.held_at IS NULL OR message.sender_id = (SELECT callboard_uid()))
ORDER BY message.created_at DESC, message.id DESC
LIMIT %s
