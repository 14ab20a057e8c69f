-- Which of these people are in the event and the conversation now, and how far the marker stands for each: at the newest
-- message up to it that they may know of. Many pairs in one trip. Uses membership_event_user_unique, participant_unique,
-- the messages' primary key, and message_conversation_latest where a message was held after it was read.
SELECT pair.number, pair.user_id::text, shown.id::text AS message_id
FROM unnest(%s::integer[], %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[])
     AS pair (number, event_id, conversation_id, message_id, user_id)
JOIN events_membership mine
  ON mine.event_id = pair.event_id AND mine.user_id = pair.user_id AND mine.removed_at IS NULL
JOIN messaging_participant there
  ON there.conversation_id = pair.conversation_id AND there.user_id = pair.user_id
JOIN messaging_message marked ON marked.id = pair.message_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN marked.held_at IS NULL OR marked.sender_id = pair.user_id THEN marked.id ELSE (
        SELECT earlier.id FROM messaging_message earlier
        WHERE earlier.conversation_id = pair.conversation_id
          AND (earlier.created_at, earlier.id) < (marked.created_at, marked.id)
          AND (earlier.held_at IS NULL OR earlier.sender_id = pair.user_id)
        ORDER BY earlier.created_at DESC, earlier.id DESC
        LIMIT 1
    ) END AS id
) shown
WHERE shown.id IS NOT NULL
