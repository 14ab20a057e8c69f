-- How many of these broadcasts are still to be published, and when the last of the others was; how many rows they wrote.
SELECT count(*) FILTER (WHERE status = 'publishing') AS waiting,
       extract(epoch FROM max(published_at))::float AS last_at, coalesce(sum(audience), 0)::bigint AS audience
FROM broadcasts_broadcast WHERE id = ANY (%(ids)s::uuid[])
