CROSS JOIN unnest(%s::uuid[]) AS candidate (user_id)
