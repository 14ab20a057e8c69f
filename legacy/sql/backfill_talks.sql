-- The next conversations of two people of the event, by primary key: their rows before what is in them.
SELECT count(*) AS done, (array_agg(few.id ORDER BY few.id DESC))[1] AS upto, array_agg(few.id) AS talks
FROM (
    SELECT talk.id FROM messaging_conversation talk
    WHERE talk.id > %(upto)s AND talk.event_id = %(place)s AND talk.kind <> 'group'
    ORDER BY talk.id LIMIT %(batch)s FOR NO KEY UPDATE
) few
----
-- What the old side deleted for good while nothing was attached stays deleted. By message_conversation_latest.
WITH gone AS (
    INSERT INTO legacy_tombstone (message_id)
    SELECT said.id FROM messaging_message said
    WHERE said.conversation_id = ANY (%(talks)s) AND said.is_bridged
      AND NOT EXISTS (SELECT FROM public.messages old WHERE old.id = said.id)
    ON CONFLICT DO NOTHING RETURNING message_id
)
UPDATE messaging_message said SET deleted_at = clock_timestamp(), deleted_by_kind = 'sender'
FROM gone WHERE said.id = gone.message_id AND said.deleted_by_kind IS NULL
----
-- What only this side has. Held rows are for their sender alone.
SELECT count(legacy_tell(lacking)) AS done
FROM (
    SELECT said FROM messaging_message said
    WHERE said.conversation_id = ANY (%(talks)s) AND said.held_at IS NULL
      AND NOT EXISTS (SELECT FROM public.messages old WHERE old.id = said.id)
      AND NOT EXISTS (SELECT FROM legacy_tombstone gone WHERE gone.message_id = said.id)
    FOR SHARE
) found (lacking)
----
-- What was owed to the old side is there now.
DELETE FROM legacy_debt owed WHERE owed.is_untold AND EXISTS (SELECT FROM public.messages old WHERE old.id = owed.message_id)
----
-- The latest message of each, one row of message_conversation_latest.
UPDATE messaging_conversation talk SET last_message_id = latest.id, last_message_at = latest.created_at
FROM (
    SELECT few.id AS talk, said.* FROM unnest(%(talks)s::uuid[]) AS few (id)
    CROSS JOIN LATERAL (
        SELECT message.id, message.created_at FROM messaging_message message
        WHERE message.conversation_id = few.id AND message.held_at IS NULL
        ORDER BY message.created_at DESC, message.id DESC LIMIT 1
    ) said
) latest
WHERE talk.id = latest.talk
  AND (talk.last_message_id IS NULL OR (talk.last_message_at, talk.last_message_id) < (latest.created_at, latest.id))
----
-- Who was there from the first message on joined no later than it.
UPDATE messaging_participant person SET joined_at = first.created_at
FROM (
    SELECT few.id AS talk, said.created_at FROM unnest(%(talks)s::uuid[]) AS few (id)
    CROSS JOIN LATERAL (
        SELECT message.created_at FROM messaging_message message
        WHERE message.conversation_id = few.id AND message.is_bridged ORDER BY message.created_at LIMIT 1
    ) said
) first
WHERE person.conversation_id = first.talk AND person.joined_at > first.created_at
----
-- What follows is what the old side has read; it is not told of it again.
SELECT set_config('callboard.bridge', 'backfill', true)
----
-- How far each has read: up to the latest message that the old side says was read by them.
UPDATE messaging_participant person
SET read_message_id = latest.id, read_upto = latest.created_at, read_at = latest.read_at
FROM (
    SELECT DISTINCT ON (said.conversation_id, reader.id) said.conversation_id, reader.id AS reader, said.id,
           said.created_at, coalesce(legacy_time(old.read_at), said.created_at) AS read_at
    FROM messaging_conversation talk
    JOIN messaging_message said ON said.conversation_id = talk.id AND said.held_at IS NULL
    JOIN public.messages old ON old.id = said.id AND old.read_at IS NOT NULL
    CROSS JOIN LATERAL (
        SELECT coalesce(
            old.recipient_id, CASE WHEN talk.low_id = said.sender_id THEN talk.high_id ELSE talk.low_id END
        ) AS id
    ) reader
    WHERE talk.id = ANY (%(talks)s) AND reader.id <> said.sender_id
    ORDER BY said.conversation_id, reader.id, said.created_at DESC, said.id DESC
) latest
WHERE person.conversation_id = latest.conversation_id AND person.user_id = latest.reader
  AND (person.read_upto IS NULL OR (person.read_upto, person.read_message_id) < (latest.created_at, latest.id))
----
-- And where the marker is ahead of what the old side calls read, that is read there too: of conversations read here while
-- nothing was attached. Gaps before it stay. Nobody is waited for, as in `legacy_read`. By message_conversation_latest.
WITH passed AS MATERIALIZED (
    SELECT said.id, person.read_at
    FROM messaging_participant person
    LEFT JOIN LATERAL (
        SELECT known.created_at AS upto FROM messaging_message known JOIN public.messages old ON old.id = known.id
        WHERE known.conversation_id = person.conversation_id AND known.sender_id <> person.user_id
          AND known.held_at IS NULL AND known.created_at <= person.read_upto
          AND old.read_at IS NOT NULL AND coalesce(old.recipient_id, person.user_id) = person.user_id
        ORDER BY known.created_at DESC, known.id DESC LIMIT 1
    ) told ON true
    JOIN messaging_message said ON said.conversation_id = person.conversation_id AND said.sender_id <> person.user_id
     AND said.created_at <= person.read_upto AND said.held_at IS NULL
     AND said.created_at > coalesce(told.upto, '-infinity')
    JOIN public.messages old ON old.id = said.id AND old.read_at IS NULL
     AND coalesce(old.recipient_id, person.user_id) = person.user_id
    WHERE person.conversation_id = ANY (%(talks)s)
), free AS MATERIALIZED (
    SELECT old.id FROM public.messages old JOIN passed ON passed.id = old.id FOR NO KEY UPDATE OF old SKIP LOCKED
), owed AS (
    INSERT INTO legacy_debt (message_id)
    SELECT passed.id FROM passed WHERE NOT EXISTS (SELECT FROM free WHERE free.id = passed.id)
)
UPDATE public.messages old SET
    read_at = passed.read_at, status = CASE WHEN status IN ('sent', 'delivered') THEN 'read' ELSE status END
FROM passed JOIN free USING (id) WHERE old.id = passed.id
----
SELECT set_config('callboard.bridge', '', true)
