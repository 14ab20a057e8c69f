    -- Rows for the person, and of the person's events those at large and of conversations that can concern them.
    SELECT entry.* FROM (
        SELECT %s::uuid AS id, %s::bigint AS seen_min, %s::bigint AS seen_max, %s::bigint[] AS seen_running,
               %s::bigint AS target_max, %s::bigint[] AS target_running, %s::bigint AS row
    ) person
    CROSS JOIN LATERAL (
        SELECT own.* FROM messaging_logentry own
        WHERE own.user_id = person.id AND own.xid >= person.seen_min
        UNION ALL
        SELECT told.*
        FROM events_membership mine
        JOIN messaging_logentry told ON told.event_id = mine.event_id AND told.xid >= person.seen_min
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
    WHERE (entry.xid >= person.seen_max OR entry.xid = ANY (person.seen_running))
      AND entry.xid < person.target_max AND entry.xid <> ALL (person.target_running) AND entry.id > person.row
    ORDER BY entry.id
    LIMIT %s
