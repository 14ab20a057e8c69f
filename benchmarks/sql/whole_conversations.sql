-- Of these direct conversations, how many have two people and one message, which is their last and was handed over.
SELECT count(*) AS whole FROM messaging_conversation conversation
JOIN messaging_message message ON message.id = conversation.last_message_id
WHERE conversation.id = ANY (%(ids)s::uuid[])
  AND message.conversation_id = conversation.id AND message.created_at = conversation.last_message_at
  AND (SELECT count(*) FROM messaging_participant WHERE conversation_id = conversation.id) = 2
  AND (SELECT count(*) FROM messaging_message WHERE conversation_id = conversation.id) = 1
  AND (SELECT count(*) FROM messaging_delivery WHERE message_id = message.id) = 1
