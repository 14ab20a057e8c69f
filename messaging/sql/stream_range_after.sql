    SELECT entry.* FROM (
        SELECT new.* FROM messaging_logentry new WHERE new.xid >= %s::bigint
        UNION ALL
        SELECT late.* FROM messaging_logentry late WHERE late.xid = ANY (%s::bigint[])
    ) entry
    ORDER BY entry.id
    LIMIT %s
