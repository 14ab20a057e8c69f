-- How long cases waited for the first claim, by day. The ORM has no percentile_cont, nor a join of a uuid to the text by
-- which the audit names it. The audit's part is one range of auditentry_action_at; cases are read by primary key.
SELECT date_trunc('day', first.claimed_at AT TIME ZONE 'UTC')::date AS day,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first.claimed_at - c.first_reported_at)) AS median,
       count(*) AS number
  FROM (SELECT entry.object_id::uuid AS case_id, min(entry.at) AS claimed_at
          FROM accounts_auditentry AS entry
         WHERE entry.action = 'case_claimed' AND entry.at >= %(since)s
         GROUP BY entry.object_id) AS first
  JOIN moderation_case AS c ON c.id = first.case_id
 WHERE (%(every_event)s OR c.event_id = ANY (%(events)s)) AND first.claimed_at >= c.first_reported_at
 GROUP BY 1
