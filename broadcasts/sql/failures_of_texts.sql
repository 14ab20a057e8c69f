-- Why texts of a message did not arrive: by reason and the provider's code, the most frequent first. Deliveries by
-- delivery_texted, texts by primary key.
SELECT text.state, text.reason, text.code, count(*) AS number
FROM messaging_delivery delivery
JOIN messaging_text text ON text.delivery_id = delivery.id
WHERE delivery.message_id = %(message_id)s AND delivery.sms_status IN ('failed', 'undelivered', 'suppressed')
GROUP BY 1, 2, 3
ORDER BY number DESC, text.reason, text.code
