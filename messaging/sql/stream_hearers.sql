-- Who of the candidates has a message in their feed, and as what: the rules of the feed (`feed_entries`) for many people
-- at once, which its functions ask for one. A row of the log brings a message into a feed by the model that the person
-- uses now: under v1 one at large comes with its delivery. A delivery is looked for only where it counts, each by
-- delivery_unique: told to gather them otherwise, the planner reads the whole table. Besides primary keys it uses
-- membership_event_user_unique, delivery_texted, and logentry_message for what a sender was told before.
WITH told AS MATERIALIZED (
    SELECT entry.number, log.kind, log.xid, log.id, log.data, said.id AS message_id, said.event_id, said.conversation_id,
           said.sender_id, said.held_at, said.created_at, said.roles, said.tags,
           said.conversation_id IS NULL AND EXISTS (
               SELECT FROM messaging_delivery texted WHERE texted.message_id = said.id AND texted.sms_status IS NOT NULL
           ) AS is_texted
    FROM unnest(%s::integer[], %s::bigint[]) AS entry (number, id)
    JOIN messaging_logentry log ON log.id = entry.id
    JOIN messaging_message said ON said.id = log.message_id
), live AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM rollout_livemodel WHERE live = 'v2') AS is_v2
)
SELECT told.number, candidate.user_id::text,
       CASE WHEN told.sender_id = candidate.user_id THEN 'own'
            WHEN reader.model = 'v2' THEN 'message' ELSE 'delivery' END AS source,
       CASE WHEN told.sender_id = candidate.user_id THEN 'sent'
            ELSE coalesce(handed.sms_status, 'delivered') END AS delivery_status,
       told.created_at < mine.joined_at AS is_catchup
FROM told
{candidates}
CROSS JOIN live
JOIN events_membership mine
  ON mine.event_id = told.event_id AND mine.user_id = candidate.user_id AND mine.removed_at IS NULL
CROSS JOIN LATERAL (
    SELECT CASE WHEN told.conversation_id IS NULL AND told.sender_id <> candidate.user_id THEN
        CASE WHEN live.is_v2 THEN 'v2' ELSE rollout_read_model(told.event_id, candidate.user_id) END
    END AS model
    OFFSET 0
) reader
LEFT JOIN LATERAL (
    SELECT delivery.id, delivery.sms_status FROM messaging_delivery delivery
    WHERE delivery.message_id = told.message_id AND delivery.user_id = candidate.user_id
      AND (told.is_texted OR told.conversation_id IS NOT NULL
           OR reader.model = 'v1' AND told.kind <> 'message.created')
    OFFSET 0
) handed ON true
WHERE CASE
    WHEN told.sender_id = candidate.user_id THEN
        told.kind = 'message.updated' OR told.kind = 'message.created' AND NOT EXISTS (
            SELECT FROM messaging_logentry before
            WHERE before.message_id = told.message_id AND before.kind = 'message.created'
              AND (before.xid, before.id) < (told.xid, told.id)
        )
    WHEN told.held_at IS NOT NULL THEN false
    WHEN told.conversation_id IS NOT NULL THEN handed.id IS NOT NULL
    WHEN reader.model = 'v2' THEN
        told.kind <> 'message.delivered'
        AND (told.roles = '{}' OR mine.role = ANY (told.roles))
        AND (told.tags = '{}' OR mine.tags::text[] && told.tags)
    ELSE handed.id IS NOT NULL AND (
        told.kind = 'message.updated' OR told.kind = 'message.delivered'
        AND candidate.user_id > (told.data ->> 'after')::uuid AND candidate.user_id <= (told.data ->> 'upto')::uuid
    ) END
