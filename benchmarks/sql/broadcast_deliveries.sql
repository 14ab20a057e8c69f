INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at, is_at_large)
SELECT %(message)s::uuid, user_id, event_id, %(author)s::uuid, now(), true
FROM events_membership WHERE event_id = %(event)s::uuid AND removed_at IS NULL AND user_id <> %(author)s::uuid
