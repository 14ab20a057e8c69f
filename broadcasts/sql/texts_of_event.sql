-- Where the texts of an event's broadcasts stand. By the messages of its broadcasts and delivery_texted, as texts
-- themselves have no index by event.
SELECT delivery.sms_status AS state, count(*) AS number
FROM broadcasts_broadcast broadcast
JOIN messaging_delivery delivery ON delivery.message_id = broadcast.message_id AND delivery.sms_status IS NOT NULL
WHERE broadcast.event_id = %(event_id)s AND broadcast.sms
GROUP BY 1
