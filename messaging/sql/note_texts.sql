-- What became of a batch, in one statement, and only where the lease is still the worker's own; the others of its batch
-- are held on to. By primary key; the ORM's bulk_update has no such condition.
UPDATE messaging_text AS mine
SET state = found.state, reason = found.reason, code = found.code, sid = coalesce(found.sid, mine.sid),
    cause = found.cause, looks = 0, next_at = statement_timestamp() + found.pause, lease_token = NULL, lease_until = NULL
FROM unnest(
    %(ids)s::bigint[], %(states)s::text[], %(reasons)s::text[], %(codes)s::integer[], %(sids)s::text[],
    %(causes)s::text[], %(pauses)s::interval[]
) AS found (id, state, reason, code, sid, cause, pause)
WHERE mine.delivery_id = found.id AND mine.lease_token = %(token)s::uuid
RETURNING mine.delivery_id
