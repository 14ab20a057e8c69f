    -- Rows for the person, and of the person's events those at large and of conversations that can concern them.
    SELECT entry.* FROM (
        SELECT %s::uuid AS id, %s::bigint AS xid, %s::bigint AS entry, %s::bigint AS upto_xid, %s::bigint AS upto_entry
    ) person
    CROSS JOIN LATERAL (
        SELECT own.* FROM messaging_logentry own
        WHERE own.user_id = person.id
        UNION ALL
        SELECT told.*
        FROM events_membership mine
        JOIN messaging_logentry told ON told.event_id = mine.event_id
        WHERE mine.user_id = person.id AND mine.removed_at IS NULL AND told.user_id IS NULL AND (
            told.conversation_id IS NULL
            OR told.message_id IS NULL AND EXISTS (
                SELECT FROM messaging_participant there
                WHERE there.conversation_id = told.conversation_id AND there.user_id = person.id
            )
            OR told.message_id IS NOT NULL AND (
                EXISTS (
                    SELECT FROM messaging_delivery handed
                    WHERE handed.message_id = told.message_id AND handed.user_id = person.id
                )
                OR EXISTS (
                    SELECT FROM messaging_message said
                    WHERE said.id = told.message_id AND said.sender_id = person.id
                )
            )
        )
    ) entry
    WHERE (entry.xid, entry.id) >= (person.xid, person.entry) AND (entry.xid, entry.id) <= (person.upto_xid, person.upto_entry)
      AND entry.xid < horizon.xid
    ORDER BY entry.xid, entry.id
    LIMIT %s
