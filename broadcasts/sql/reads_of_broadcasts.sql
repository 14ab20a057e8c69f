-- The latest broadcasts of an event with how many of those whom they were handed to have read the feed as far as them. A
-- count of each beside its row, which the ORM would ask for one by one. broadcast_event_created_at, delivery_unique and
-- the markers' primary key.
SELECT broadcast.id, broadcast.kind, broadcast.content, broadcast.created_at, broadcast.audience, broadcast.sms,
       told.delivered, told.reads
FROM (
    SELECT id, kind, content, created_at, audience, sms, message_id
    FROM broadcasts_broadcast
    WHERE event_id = %(event_id)s AND message_id IS NOT NULL
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
) broadcast
CROSS JOIN LATERAL (
    SELECT count(*) AS delivered, count(marker.user_id) AS reads
    FROM messaging_delivery delivery
    LEFT JOIN messaging_feedmarker marker
        ON marker.user_id = delivery.user_id AND marker.event_id = %(event_id)s
       AND marker.read_upto >= delivery.message_created_at
    WHERE delivery.message_id = broadcast.message_id
) told
ORDER BY broadcast.created_at DESC, broadcast.id DESC
