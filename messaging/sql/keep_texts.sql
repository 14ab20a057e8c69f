-- Holds on to what a worker has claimed and not begun, while it is at the rest of its batch. By primary key.
UPDATE messaging_text SET lease_until = statement_timestamp() + %(lease)s::interval
WHERE delivery_id = ANY (%(ids)s) AND lease_token = %(token)s::uuid AND began_at IS NULL
