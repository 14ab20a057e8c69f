-- Who of the candidates has a message in their feed, and as what: the rules of the feed (`feed_entries`) for many people
-- at once, which its functions ask for one. A row of the log brings a message into a feed by the model that the person
-- uses now: under v1 one at large comes with its delivery. Uses primary keys, membership_event_user_unique,
-- delivery_unique, and logentry_message for what its sender was told before.
WITH candidate AS (
{candidates}
)
SELECT candidate.number, candidate.user_id::text,
       CASE WHEN said.sender_id = candidate.user_id THEN 'own'
            WHEN reader.model = 'v2' THEN 'message' ELSE 'delivery' END AS source,
       CASE WHEN said.sender_id = candidate.user_id THEN 'sent'
            ELSE coalesce(handed.sms_status, 'delivered') END AS delivery_status,
       said.created_at < mine.joined_at AS is_catchup
FROM candidate
JOIN messaging_logentry told ON told.id = candidate.entry
JOIN messaging_message said ON said.id = told.message_id
JOIN events_membership mine
  ON mine.event_id = said.event_id AND mine.user_id = candidate.user_id AND mine.removed_at IS NULL
LEFT JOIN messaging_delivery handed ON handed.message_id = said.id AND handed.user_id = candidate.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN said.conversation_id IS NULL AND said.sender_id <> candidate.user_id
                THEN rollout_read_model(said.event_id, candidate.user_id) END AS model
    OFFSET 0
) reader
WHERE CASE
    WHEN said.sender_id = candidate.user_id THEN
        told.kind = 'message.updated' OR told.kind = 'message.created' AND NOT EXISTS (
            SELECT FROM messaging_logentry before
            WHERE before.message_id = said.id AND before.kind = 'message.created'
              AND (before.xid, before.id) < (told.xid, told.id)
        )
    WHEN said.held_at IS NOT NULL THEN false
    WHEN said.conversation_id IS NOT NULL THEN handed.id IS NOT NULL
    WHEN reader.model = 'v2' THEN
        told.kind <> 'message.delivered'
        AND (said.roles = '{}' OR mine.role = ANY (said.roles))
        AND (said.tags = '{}' OR mine.tags::text[] && said.tags)
    ELSE handed.id IS NOT NULL AND (
        told.kind = 'message.updated' OR told.kind = 'message.delivered'
        AND candidate.user_id > (told.data ->> 'after')::uuid AND candidate.user_id <= (told.data ->> 'upto')::uuid
    ) END
