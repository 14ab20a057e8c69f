SELECT count(*) FILTER (WHERE texts.state = 'delivered') AS delivered,
       count(*) FILTER (WHERE texts.state NOT IN ('queued', 'sending', 'unknown', 'sent')) AS ended,
       (SELECT extract(epoch FROM max(step.at) - broadcast.created_at)::float FROM messaging_textstep step
        JOIN messaging_text mine USING (delivery_id)
        WHERE mine.message_id = broadcast.message_id AND step."end" = 'delivered') AS seconds,
       (SELECT extract(epoch FROM max(mine.began_at) - min(mine.began_at))::float FROM messaging_text mine
        WHERE mine.message_id = broadcast.message_id) AS handed_over
FROM broadcasts_broadcast broadcast LEFT JOIN messaging_text texts ON texts.message_id = broadcast.message_id
WHERE broadcast.id = %s
GROUP BY broadcast.message_id, broadcast.created_at
