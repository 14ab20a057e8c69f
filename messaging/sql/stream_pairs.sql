    SELECT pair.number, pair.entry, pair.user_id
    FROM unnest(%s::integer[], %s::bigint[], %s::uuid[]) AS pair (number, entry, user_id)
