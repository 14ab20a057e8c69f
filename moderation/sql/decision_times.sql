-- How long cases took to their decision, by day. The ORM has no percentile_cont. Ids are made in the order of time, so that
-- the decisions of the last days are one range of the primary key.
SELECT date_trunc('day', d.created_at AT TIME ZONE 'UTC')::date AS day,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM d.created_at - c.first_reported_at)) AS median,
       count(*) AS number
  FROM moderation_decision AS d
  JOIN moderation_case AS c ON c.id = d.case_id
 WHERE d.id >= %(first_id)s AND d.created_at >= %(since)s
   AND (%(every_event)s OR c.event_id = ANY (%(events)s)) AND d.created_at >= c.first_reported_at
 GROUP BY 1
