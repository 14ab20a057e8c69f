-- Where the next range of ids ends: where either side has enough; null after the last. By both primary keys.
SELECT least(
    (SELECT old.id FROM public.messages old WHERE old.id > %(upto)s ORDER BY old.id OFFSET %(batch)s LIMIT 1),
    (SELECT said.id FROM messaging_message said
     WHERE said.id > %(upto)s AND said.event_id = %(place)s AND said.conversation_id IS NOT NULL
     ORDER BY said.id OFFSET %(batch)s LIMIT 1)
) AS upto
----
-- Both sides of the range, each as a number and a sum over its rows, in one snapshot: what is written meanwhile is on
-- both or on neither. By both primary keys.
WITH {sides}
SELECT (SELECT count(*) FROM old) AS old_count, (SELECT count(*) FROM new) AS new_count,
       (SELECT sum(sum) FROM old) IS NOT DISTINCT FROM (SELECT sum(sum) FROM new) AS is_same
