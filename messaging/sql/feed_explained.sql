-- Messages at large whose roles or tags are not, or no longer, those of the asking member: why v2 does not show what was
-- delivered. By primary key; the ORM has no word for the arrays that overlap.
SELECT message.id
FROM messaging_message message
JOIN events_membership mine ON mine.event_id = message.event_id AND mine.user_id = (SELECT callboard_uid())
WHERE mine.event_id = %s AND message.id = ANY (%s) AND message.conversation_id IS NULL
  AND NOT (
      (message.roles = '{}' OR mine.role = ANY (message.roles))
      AND (message.tags = '{}' OR mine.tags::text[] && message.tags)
  )
