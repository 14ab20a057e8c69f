-- A direct conversation or group with its first message. Of one that has just begun, its people are all that is left to
-- be read: by `conversations.sql` they and everything else would be as much work again as beginning it.
SELECT begun.*, (
{begun_people}
) AS participants
FROM (VALUES (%s::uuid, %s::uuid[])) AS asked (event_id, others)
CROSS JOIN LATERAL messaging_start(asked.event_id, asked.others, %s, %s, %s, %s, %s, %s, %s, %s) begun
