    SELECT entry.* FROM messaging_logentry entry
    WHERE (entry.xid, entry.id) > (%s::bigint, %s::bigint) AND entry.xid < horizon.xid
    ORDER BY entry.xid, entry.id
    LIMIT %s
