-- Of these direct messages, how many are stored, handed to exactly one person, and in the log once.
SELECT count(*) AS whole FROM messaging_message message
WHERE message.id = ANY (%(ids)s::uuid[])
  AND (SELECT count(*) FROM messaging_delivery handed WHERE handed.message_id = message.id) = 1
  AND (SELECT count(*) FROM messaging_logentry told WHERE told.message_id = message.id) = 1
