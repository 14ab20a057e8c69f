-- A message to an event at large and what the stream tells of it, with who reads by which model now. One statement, so
-- that both carry one time, the clock's and not the transaction's: the ORM would ask twice.
WITH said AS (
    INSERT INTO messaging_message (id, event_id, message_type, sender_id, content, roles, tags, created_at)
    VALUES (%s, %s, %s, %s, %s, %s::text[], %s::text[], clock_timestamp())
    RETURNING id, event_id, created_at
), told AS (
    INSERT INTO messaging_logentry (kind, event_id, message_id, data)
    SELECT 'message.created', event_id, id, jsonb_build_object('models', rollout_standing()) FROM said
)
SELECT created_at FROM said
