-- The next texts that the provider is to be asked about, and when again if it does not tell: later each time. Whoever
-- else looks in the meantime finds others. Uses text_unsettled; locks as claims do.
WITH waiting AS (
    SELECT delivery_id FROM messaging_text
    WHERE state IN ('unknown', 'sent') AND next_at <= statement_timestamp()
    ORDER BY next_at
    LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE messaging_text AS mine
SET looks = least(mine.looks + 1, 1000),
    next_at = statement_timestamp() + CASE
        -- Some carriers never say that a text arrived: it stays sent, and is let be.
        WHEN mine.state = 'sent' AND mine.looks >= %(most_looks)s THEN interval '10 years'
        ELSE least(%(shortest)s::interval * power(2, least(mine.looks, 12)), %(longest)s::interval)
    END
FROM waiting, messaging_message message
WHERE mine.delivery_id = waiting.delivery_id AND message.id = mine.message_id
RETURNING mine.delivery_id, mine.state, mine.sid, mine.phone, mine.attempts, mine.began_at, mine.moved_at, message.content,
          statement_timestamp() AS at
