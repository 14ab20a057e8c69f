-- Who of the candidates has a message in their feed, and as what: the rules of the feed (`feed_entries`) for many people
-- at once, which its functions ask for one. A message at large comes with itself under v2 and with its delivery under
-- v1: by the model that the person used when it was published, so that whatever is swapped in the middle of its fan-out,
-- it comes by one of the two and not by both. A delivery is looked for only where it counts, each by delivery_unique:
-- told to gather them otherwise, the planner reads the whole table. Besides primary keys it uses
-- membership_event_user_unique, delivery_texted, and logentry_message for what a sender was told before.
WITH told AS MATERIALIZED (
    SELECT entry.number, log.kind, log.xid, log.id, log.data, said.id AS message_id, said.event_id, said.conversation_id,
           said.sender_id, said.held_at, said.created_at, said.roles, said.tags,
           log.data -> 'models' AS models, log.data -> 'models' ->> 'model' AS model_of_all,
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
CROSS JOIN LATERAL (
    SELECT CASE WHEN told.models IS NULL THEN reader.model WHEN told.model_of_all IS NOT NULL THEN told.model_of_all
                WHEN reader.model IS NOT NULL
                THEN rollout_read_model_as_it_stood(told.models, told.event_id, candidate.user_id) END AS model
    OFFSET 0
) published
LEFT JOIN LATERAL (
    SELECT delivery.id, delivery.sms_status FROM messaging_delivery delivery
    WHERE delivery.message_id = told.message_id AND delivery.user_id = candidate.user_id
      AND (told.is_texted OR told.conversation_id IS NOT NULL
           OR reader.model = 'v1' AND (told.kind <> 'message.created' OR published.model = 'v2')
           OR told.kind = 'message.delivered' AND published.model = 'v1')
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
    WHEN told.kind = 'message.created' AND published.model = 'v1' THEN false
    WHEN told.kind = 'message.delivered' AND NOT (
        published.model = 'v1' AND handed.id IS NOT NULL
        AND candidate.user_id > (told.data ->> 'after')::uuid AND candidate.user_id <= (told.data ->> 'upto')::uuid
    ) THEN false
    WHEN reader.model = 'v1' AND handed.id IS NOT NULL THEN true
    -- Who went over to v1 in the middle of the fan-out will be handed it, and is told now or never.
    WHEN reader.model = 'v1' AND (told.kind <> 'message.created' OR mine.joined_at > told.created_at OR EXISTS (
        SELECT FROM messaging_logentry past
        WHERE past.message_id = told.message_id AND past.kind = 'message.delivered'
          AND (past.data ->> 'upto')::uuid >= candidate.user_id
    )) THEN false
    ELSE (told.roles = '{}' OR mine.role = ANY (told.roles)) AND (told.tags = '{}' OR mine.tags::text[] && told.tags)
    END
