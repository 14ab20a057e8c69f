-- Of the texts of a day (by when their delivery was written) and of the seven days before it: how many there were to send,
-- how many the provider was given, and what came of those. What was rightly not sent is no volume that is missing. Counts
-- over a range of text_created_at, which the ORM would make in six queries.
SELECT made.is_of_today, count(*) FILTER (WHERE made.state <> 'suppressed') AS wanted,
       count(*) FILTER (WHERE made.sid IS NOT NULL OR made.state IN ('sent', 'delivered', 'undelivered')) AS handed,
       count(*) FILTER (WHERE made.state = 'delivered') AS delivered,
       count(*) FILTER (WHERE made.state IN ('undelivered', 'failed')) AS lost
FROM (
    SELECT state, sid, created_at >= %(today)s AS is_of_today
    FROM messaging_text
    WHERE created_at >= %(since)s AND created_at < %(until)s
) made
GROUP BY made.is_of_today
