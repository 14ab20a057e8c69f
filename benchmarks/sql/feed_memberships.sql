-- Makes a person a member of so many events more, each with five announcements and their deliveries.
WITH events AS MATERIALIZED (
    SELECT gen_random_uuid() AS id FROM generate_series(1, %(events)s)
), made AS (
    INSERT INTO events_event (id, slug, name, starts_at, ends_at, timezone, created_at)
    SELECT id, 'many-' || id, 'One of many', now() + interval '1 day', now() + interval '3 days', 'UTC', now()
    FROM events
), members AS (
    INSERT INTO events_membership (id, event_id, user_id, role, tags, joined_at, created_at)
    SELECT gen_random_uuid(), id, %(person)s, 'attendee', '{}', now() - interval '40 days', now() FROM events
), said AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, events.id AS event_id, gen_random_uuid() AS sender_id,
           now() - number * interval '1 hour' AS created_at
    FROM events CROSS JOIN generate_series(1, 5) AS number
), messages AS (
    INSERT INTO messaging_message (id, event_id, message_type, sender_id, content, roles, tags, created_at)
    SELECT id, event_id, 'announcement', sender_id, 'One of many', '{}', '{}', created_at FROM said
)
INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at, is_at_large)
SELECT id, %(person)s, event_id, sender_id, created_at, true FROM said
