-- How far each of these messages has come, counted from its deliveries and never kept: two counts that the ORM would
-- make in two trips. Uses delivery_unique; without texts the index alone answers.
SELECT delivery.message_id, 'delivered' AS status, count(*) AS number
FROM messaging_delivery delivery
WHERE delivery.message_id = ANY (%(silent)s::uuid[])
GROUP BY delivery.message_id
UNION ALL
SELECT delivery.message_id, coalesce(delivery.sms_status, 'delivered'), count(*)
FROM messaging_delivery delivery
WHERE delivery.message_id = ANY (%(texted)s::uuid[])
GROUP BY 1, 2
