JOIN unnest(%s::integer[], %s::uuid[]) AS candidate (number, user_id) ON candidate.number = told.number
