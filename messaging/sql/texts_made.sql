-- The outbox: a text for each delivery of the batch, in the statement that writes them.
, texts AS (
    INSERT INTO messaging_text (delivery_id, message_id, event_id, user_id, sender_id, valid_until)
    SELECT handed.id, message.id, message.event_id, handed.user_id, message.sender_id, %(valid_until)s::timestamptz
    FROM handed CROSS JOIN message
)
