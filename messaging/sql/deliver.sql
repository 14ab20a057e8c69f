-- Hands a message to the next members it concerns, in the order of their ids: a batch is one range of
-- membership_event_user_unique, and a repeat adds nothing. The rows never leave the database, which the ORM cannot say.
WITH message AS (
    SELECT id, event_id, sender_id, created_at, roles, tags
    FROM messaging_message WHERE id = %(message_id)s
), members AS (
    SELECT membership.user_id, membership.role::text, membership.tags::text[], membership.removed_at,
           membership.joined_at
    FROM events_membership membership
    WHERE membership.event_id = %(event_id)s AND membership.user_id > %(after)s
    ORDER BY membership.user_id
    LIMIT %(batch)s
), handed AS (
    INSERT INTO messaging_delivery (
        message_id, user_id, event_id, sender_id, message_created_at, is_at_large, sms_status
    )
    SELECT message.id, members.user_id, message.event_id, message.sender_id, message.created_at, true,
           %(sms_status)s::text
    FROM message CROSS JOIN members
    WHERE members.removed_at IS NULL AND members.joined_at <= message.created_at
      AND members.user_id <> message.sender_id
      AND (message.roles = '{}' OR members.role = ANY (message.roles))
      AND (message.tags = '{}' OR members.tags && message.tags)
    ON CONFLICT DO NOTHING
    RETURNING id, user_id
)
{texts}
, told AS (
    INSERT INTO messaging_logentry (kind, event_id, message_id, data)
    SELECT 'message.delivered', message.event_id, message.id,
           jsonb_strip_nulls(jsonb_build_object(
               'after', %(after)s::uuid, 'upto', (SELECT user_id FROM members ORDER BY user_id DESC LIMIT 1),
               -- As it stood when it was published, by logentry_message.
               'models', (
                   SELECT created.data -> 'models' FROM messaging_logentry created
                   WHERE created.message_id = message.id AND created.kind = 'message.created'
                   ORDER BY created.id LIMIT 1
               )
           ))
    FROM message WHERE EXISTS (SELECT FROM handed)
)
SELECT (SELECT user_id FROM members ORDER BY user_id DESC LIMIT 1) AS upto,
       (SELECT count(*) FROM handed) AS written
