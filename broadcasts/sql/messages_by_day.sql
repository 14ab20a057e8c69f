-- What was said in an event on each of the last days, by its own calendar: a grouping by an expression. Walks the event's
-- part of message_own_latest, in which the time is looked at before the row is.
SELECT (message.created_at AT TIME ZONE %(zone)s)::date AS day, message.message_type, count(*) AS number
FROM messaging_message message
WHERE message.event_id = %(event_id)s AND message.created_at >= %(since)s AND message.held_at IS NULL
GROUP BY 1, 2
