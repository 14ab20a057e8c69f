-- Old conversations that the new side does not know, by primary key.
WITH few AS MATERIALIZED (
    SELECT old.id FROM public.conversations old WHERE old.id > %(upto)s ORDER BY old.id LIMIT %(batch)s
), kept AS (
    INSERT INTO legacy_difference (subject, id, what)
    SELECT 'conversation', few.id, 'only in the old table' FROM few
    LEFT JOIN legacy_link link ON link.old_id = few.id
    LEFT JOIN messaging_conversation talk ON talk.id = link.new_id
    WHERE talk.id IS NULL
    ON CONFLICT DO NOTHING
)
SELECT (SELECT (array_agg(few.id ORDER BY few.id DESC))[1] FROM few) AS upto, (SELECT count(*) FROM few) AS done
