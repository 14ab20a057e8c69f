INSERT INTO events_event (id, slug, name, starts_at, ends_at, timezone, created_at)
VALUES (%(event)s::uuid, 'texts-' || left(%(event)s::uuid::text, 8), 'Texts', now() + interval '1 day', now() + interval '2 days', 'UTC', now());
WITH made AS (
    INSERT INTO accounts_user (id, password, is_superuser, username, name, is_active, is_staff, created_at, phone)
    SELECT gen_random_uuid(), '!', false, 'texts-' || left(%(event)s::uuid::text, 8) || '-' || number, 'Bench ' || number, true, false, now(),
           %(prefix)s::text || lpad(number::text, 5, '0')
    FROM generate_series(1, %(members)s::integer) number
    RETURNING id
)
INSERT INTO events_membership (id, event_id, user_id, role, tags, joined_at, created_at)
SELECT gen_random_uuid(), %(event)s::uuid, id, 'attendee', '{}', now(), now() FROM made;
INSERT INTO events_membership (id, event_id, user_id, role, tags, joined_at, created_at)
VALUES (gen_random_uuid(), %(event)s::uuid, %(author)s::uuid, 'mvp_dealer', '{}', now(), now())
