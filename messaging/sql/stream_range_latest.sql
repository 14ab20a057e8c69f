    SELECT entry.* FROM messaging_logentry entry
    WHERE entry.xid < horizon.xid
    ORDER BY entry.xid DESC, entry.id DESC
    LIMIT %s
