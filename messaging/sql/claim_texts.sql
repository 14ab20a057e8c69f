-- Takes the next texts that are due under one lease, with everything that is asked before a call. Rows that another worker
-- is taking are passed over: the ORM has no update with a limit that locks. Uses text_due, and primary keys from there.
WITH due AS (
    SELECT delivery_id FROM messaging_text
    WHERE state = 'queued' AND next_at <= statement_timestamp()
    ORDER BY next_at, delivery_id
    LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    UPDATE messaging_text AS mine
    SET state = 'sending', cause = 'claim', reason = NULL, code = NULL, began_at = NULL,
        lease_token = %(token)s::uuid, lease_until = statement_timestamp() + %(lease)s::interval
    FROM due WHERE mine.delivery_id = due.delivery_id
    RETURNING mine.delivery_id, mine.message_id, mine.event_id, mine.user_id, mine.attempts, mine.valid_until, mine.cost
)
SELECT claimed.delivery_id, claimed.message_id, claimed.event_id, claimed.attempts, claimed.valid_until, claimed.cost, person.phone,
       message.content, event.timezone, event.quiet_from, event.quiet_until, statement_timestamp() AS at,
       messaging_against_text(
           person.phone, optout.cause, membership.removed_at IS NULL AND membership.id IS NOT NULL AND person.is_active,
           membership.suspended_until, message.deleted_at IS NOT NULL OR message.held_at IS NOT NULL,
           statement_timestamp()
       ) AS reason
FROM claimed
JOIN messaging_message message ON message.id = claimed.message_id
JOIN events_event event ON event.id = claimed.event_id
LEFT JOIN accounts_user person ON person.id = claimed.user_id
LEFT JOIN events_membership membership
  ON membership.event_id = claimed.event_id AND membership.user_id = claimed.user_id
LEFT JOIN messaging_optout optout ON optout.phone = person.phone AND optout.lifted_at IS NULL
ORDER BY claimed.delivery_id
