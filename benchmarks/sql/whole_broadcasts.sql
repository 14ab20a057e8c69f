-- Of these broadcasts, how many are published, with a message and a delivery for everyone whom it concerned.
SELECT count(*) AS whole FROM broadcasts_broadcast broadcast
JOIN messaging_message message ON message.id = broadcast.message_id
WHERE broadcast.id = ANY (%(ids)s::uuid[]) AND broadcast.status = 'published'
  AND (SELECT count(*) FROM messaging_delivery handed WHERE handed.message_id = message.id) = broadcast.audience
