-- An event of the first members of a loaded one, with so many messages: half direct, between neighbours by number, half
-- announcements and channel messages, of which some concern few; each with its deliveries.
WITH people AS MATERIALIZED (
    SELECT member.user_id, member.role, member.tags, row_number() OVER (ORDER BY member.created_at, member.id) AS no
    FROM events_membership member WHERE member.event_id = %(source)s
    ORDER BY member.created_at, member.id LIMIT %(people)s
), event AS (
    INSERT INTO events_event (id, slug, name, starts_at, ends_at, timezone, created_at)
    SELECT %(event)s, %(slug)s, %(slug)s, now() + interval '1 day', now() + interval '3 days', 'UTC', now()
), members AS (
    INSERT INTO events_membership (id, event_id, user_id, role, tags, joined_at, created_at)
    SELECT gen_random_uuid(), %(event)s, people.user_id, people.role, people.tags, now() - interval '40 days', now()
    FROM people
), talks AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, one.user_id AS one_id, two.user_id AS two_id, one.no
    FROM people one JOIN people two ON two.no = one.no + 1
), conversations AS (
    INSERT INTO messaging_conversation (id, event_id, kind, maker_id, low_id, high_id, created_at, last_message_at)
    SELECT id, %(event)s, 'direct', one_id, least(one_id, two_id), greatest(one_id, two_id), now(), now() FROM talks
), participants AS (
    INSERT INTO messaging_participant (conversation_id, user_id, joined_at)
    SELECT talks.id, person.id, now() - interval '40 days' FROM talks, unnest(ARRAY[one_id, two_id]) AS person (id)
), said AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, talks.id AS conversation_id, number,
           CASE WHEN number / 2 %% 2 = 0 THEN talks.one_id ELSE talks.two_id END AS sender_id,
           CASE WHEN number / 2 %% 2 = 0 THEN talks.two_id ELSE talks.one_id END AS reader_id,
           now() - (%(messages)s - number) * (interval '30 days' / %(messages)s) AS created_at
    FROM generate_series(1, %(messages)s, 2) AS number
    JOIN talks ON talks.no = 1 + number / 2 %% (%(people)s - 1)
), at_large AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, people.user_id AS sender_id, number,
           CASE WHEN number %% 10 = 0 THEN ARRAY['dealer'] ELSE '{}'::text[] END AS roles,
           CASE WHEN number %% 3 = 0 THEN ARRAY['parking'] ELSE '{}'::text[] END AS tags,
           now() - (%(messages)s - number) * (interval '30 days' / %(messages)s) AS created_at
    FROM generate_series(2, %(messages)s, 2) AS number
    JOIN people ON people.no = 1
), direct_messages AS (
    INSERT INTO messaging_message (
        id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at
    )
    SELECT id, %(event)s, conversation_id, 'direct', sender_id, %(text)s || number, '{}', '{}', created_at FROM said
), messages_at_large AS (
    INSERT INTO messaging_message (id, event_id, message_type, sender_id, content, roles, tags, created_at)
    SELECT id, %(event)s, CASE WHEN tags = '{}' THEN 'announcement' ELSE 'channel' END, sender_id,
           %(text)s || number, roles, tags, created_at
    FROM at_large
)
INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at, is_at_large)
SELECT id, reader_id, %(event)s::uuid, sender_id, created_at, false FROM said
UNION ALL
SELECT at_large.id, people.user_id, %(event)s::uuid, at_large.sender_id, at_large.created_at, true
FROM at_large JOIN people ON people.user_id <> at_large.sender_id
 AND (at_large.roles = '{}' OR people.role = ANY (at_large.roles))
 AND (at_large.tags = '{}' OR people.tags::text[] && at_large.tags)
