    SELECT entry.* FROM messaging_logentry entry
    WHERE entry.xid >= coalesce(
        (SELECT oldest.xid FROM messaging_logentry oldest ORDER BY oldest.xid DESC OFFSET %s LIMIT 1), 0
    )
