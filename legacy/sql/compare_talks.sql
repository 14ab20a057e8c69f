-- How far each has read in the next conversations: the latest message to them that the old side calls read, against the
-- latest that their marker has passed. Conversations that only one side knows. By primary keys and
-- message_conversation_latest.
WITH few AS MATERIALIZED (
    SELECT talk.* FROM messaging_conversation talk
    WHERE talk.id > %(upto)s AND talk.event_id = %(place)s AND talk.kind <> 'group'
    ORDER BY talk.id LIMIT %(batch)s
), reading AS (
    SELECT said.conversation_id AS talk, reader.id AS reader,
           max(said.created_at) FILTER (WHERE old.read_at IS NOT NULL) AS old_upto,
           max(said.created_at) FILTER (WHERE said.created_at <= marker.read_upto) AS new_upto
    FROM few talk
    JOIN messaging_message said ON said.conversation_id = talk.id AND said.held_at IS NULL
    JOIN public.messages old ON old.id = said.id
    CROSS JOIN LATERAL (
        SELECT coalesce(
            old.recipient_id, CASE WHEN talk.low_id = said.sender_id THEN talk.high_id ELSE talk.low_id END
        ) AS id
    ) reader
    JOIN messaging_participant marker ON marker.conversation_id = talk.id AND marker.user_id = reader.id
    WHERE reader.id <> said.sender_id
    GROUP BY said.conversation_id, reader.id
), found AS (
    SELECT 'conversation', reading.talk, 'how far ' || reading.reader || ' has read' FROM reading
    WHERE reading.old_upto IS DISTINCT FROM reading.new_upto
    UNION ALL
    SELECT 'conversation', few.id, 'only in Callboard' FROM few
    WHERE few.last_message_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM legacy_link link JOIN public.conversations old ON old.id = link.old_id WHERE link.new_id = few.id
    ) AND EXISTS (
        SELECT FROM messaging_message said WHERE said.conversation_id = few.id AND said.held_at IS NULL
          AND NOT EXISTS (SELECT FROM legacy_tombstone gone WHERE gone.message_id = said.id)
    ) AND NOT EXISTS (
        -- Messages of the old side that name no conversation.
        SELECT FROM messaging_message said JOIN public.messages old ON old.id = said.id
        WHERE said.conversation_id = few.id
    )
), kept AS (
    INSERT INTO legacy_difference (subject, id, what) SELECT * FROM found ON CONFLICT DO NOTHING
)
SELECT (SELECT (array_agg(few.id ORDER BY few.id DESC))[1] FROM few) AS upto, (SELECT count(*) FROM few) AS done
