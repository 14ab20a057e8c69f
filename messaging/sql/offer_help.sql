-- The same for a help conversation.
SELECT begun.*, (
{begun_people}
) AS participants
FROM messaging_offer_help(%s, %s, %s, %s, %s, %s, %s) begun
CROSS JOIN LATERAL (SELECT begun.event_id, ARRAY[begun.requester_id] AS others) asked
