-- An alert for each open case that has waited another full period; of two at once casealert_once lets one pass, which the
-- ORM would not tell apart. The open ones are few, and found by case_waiting.
INSERT INTO moderation_casealert (id, case_id, kind, waiting_since, period, next_attempt_at, attempts)
SELECT gen_random_uuid(), waiting.id, 'overdue', waiting.waiting_since,
       floor(extract(epoch FROM %(now)s::timestamptz - waiting.waiting_since) / %(seconds)s::float8)::integer,
       %(now)s::timestamptz, 0
FROM moderation_case waiting
WHERE waiting.status IN ('pending', 'reviewed')
  AND waiting.waiting_since <= %(now)s::timestamptz - make_interval(secs => %(seconds)s::float8)
ON CONFLICT DO NOTHING
RETURNING case_id, period
