-- What a worker left behind: not begun is queued again, begun is not known of. Uses text_leased; locks as claims do.
WITH left_behind AS (
    SELECT delivery_id FROM messaging_text
    WHERE state = 'sending' AND lease_until < statement_timestamp()
    ORDER BY lease_until
    LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE messaging_text AS mine
SET state = CASE WHEN mine.began_at IS NULL THEN 'queued' ELSE 'unknown' END, cause = 'takeover',
    reason = NULL, code = NULL, looks = 0, next_at = statement_timestamp(), lease_token = NULL, lease_until = NULL
FROM left_behind WHERE mine.delivery_id = left_behind.delivery_id
RETURNING mine.state
