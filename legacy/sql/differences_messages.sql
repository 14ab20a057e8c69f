-- What differs within a range of which the sums do; kept, so that it is listed also after the comparison was broken off.
WITH {sides}
INSERT INTO legacy_difference (subject, id, what)
SELECT 'message', coalesce(old.id, new.id), CASE
    WHEN new.id IS NULL THEN 'only in the old table' WHEN old.id IS NULL THEN 'only in Callboard'
    ELSE concat_ws(', ',
        CASE WHEN old.content <> new.content THEN 'content' END, CASE WHEN old.sender <> new.sender THEN 'sender' END,
        CASE WHEN old.talk IS DISTINCT FROM new.talk THEN 'conversation' END,
        CASE WHEN old.said_at IS DISTINCT FROM new.said_at THEN 'time' END,
        CASE WHEN old.deleter IS DISTINCT FROM new.deleter THEN 'deletion' END,
        CASE WHEN old.is_held <> new.is_held THEN 'held' END) END
FROM old FULL JOIN new ON new.id = old.id
WHERE old.sum IS DISTINCT FROM new.sum
ON CONFLICT DO NOTHING
