-- Takes one of a person's broadcasts, or does nothing. One conditional statement: of any number at once each waits for
-- the row of the one before and sees it as it is then, so that exactly the limit passes. What was counted before the last
-- reset counts as nothing, whether or not the nightly job has come by. The ORM has no condition on its upsert. Finds the
-- row by quota_unique.
INSERT INTO broadcasts_quota AS quota (id, event_id, user_id, phase, used, allowed, period, counted_since)
SELECT %(id)s, %(event_id)s, %(user_id)s, %(phase)s, 1, %(allowed)s, 1, %(now)s
WHERE %(allowed)s::integer IS NULL OR %(allowed)s::integer > 0
ON CONFLICT ON CONSTRAINT quota_unique DO UPDATE SET
    used = CASE WHEN quota.counted_since < %(reset_at)s THEN 1 ELSE quota.used + 1 END,
    allowed = excluded.allowed,
    period = quota.period + CASE WHEN quota.counted_since < %(reset_at)s THEN 1 ELSE 0 END,
    counted_since = CASE WHEN quota.counted_since < %(reset_at)s THEN %(now)s ELSE quota.counted_since END
WHERE excluded.allowed IS NULL
   OR CASE WHEN quota.counted_since < %(reset_at)s THEN 0 ELSE quota.used END < excluded.allowed
RETURNING used, period
