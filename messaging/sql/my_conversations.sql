    -- The policy names the person's own, and finds them by primary key.
    SELECT * FROM messaging_conversation
    WHERE (last_message_at, id) < (%s, %s)
    ORDER BY last_message_at DESC, id DESC
    LIMIT %s
