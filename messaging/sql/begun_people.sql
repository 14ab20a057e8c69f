    SELECT jsonb_agg(
        jsonb_build_object(
            'user_id', people.id, 'name', person.name, 'avatar_url', person.avatar_url, 'role', theirs.role,
            'last_read_message_id', NULL, 'last_read_at', NULL
        ) ORDER BY people.place
    )
    FROM unnest(callboard_uid() || asked.others) WITH ORDINALITY AS people (id, place)
    LEFT JOIN accounts_user person ON person.id = people.id
    LEFT JOIN events_membership theirs ON theirs.event_id = asked.event_id AND theirs.user_id = people.id
    WHERE begun.sent_at IS NOT NULL
