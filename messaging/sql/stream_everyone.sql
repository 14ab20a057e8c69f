    SELECT each.number, each.entry, person.id AS user_id
    FROM unnest(%s::integer[], %s::bigint[]) AS each (number, entry)
    CROSS JOIN unnest(%s::uuid[]) AS person (id)
