-- Old conversations to new ones, by the old table's primary key. Each may need people, a request, a look for the pair's
-- first: a function, which the ORM cannot call for a range of rows. Nothing is told to the stream.
SELECT count(legacy_new_talk(%(place)s, few.id, NULL, NULL, clock_timestamp(), false)) AS done,
       (array_agg(few.id ORDER BY few.id DESC))[1] AS upto
FROM (
    SELECT old.id FROM public.conversations old WHERE old.id > %(upto)s ORDER BY old.id LIMIT %(batch)s
) few
