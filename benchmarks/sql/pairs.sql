-- Who may send to whom, by number, so that a script of pgbench can draw one.
CREATE TABLE benchmark_pair AS
SELECT row_number() OVER (ORDER BY md5(conversation.id::text || mine.user_id::text)) AS no,
       conversation.id AS conversation, conversation.event_id AS event, mine.user_id AS sender,
       theirs.user_id AS recipient
FROM messaging_conversation conversation
JOIN messaging_participant mine ON mine.conversation_id = conversation.id
JOIN messaging_participant theirs ON theirs.conversation_id = conversation.id AND theirs.user_id <> mine.user_id
JOIN events_membership member ON member.event_id = conversation.event_id AND member.user_id = mine.user_id
WHERE conversation.event_id = %(event)s AND conversation.kind = 'direct' AND member.role <> ALL (%(read_only)s)
