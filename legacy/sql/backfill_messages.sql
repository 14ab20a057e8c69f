-- Old messages to new ones, by both tables' primary keys. Not one old row is locked: what an old client is about to do to
-- them goes over behind this batch (`legacy_one_at_a_time`). Not in the ORM: one statement per step.
WITH few AS MATERIALIZED (
    SELECT old.id, old.conversation_id, old.sender_id, old.recipient_id,
           legacy_time(old.updated_at) AS updated_at,
           coalesce(old.sender_id, '00000000-0000-8000-8000-000000000001') AS author, coalesce(old.content, '') AS said,
           coalesce(legacy_time(old.created_at), legacy_time(old.updated_at), 'epoch') AS said_at,
           legacy_deleter(old.status, old.moderation_status) AS deleter,
           old.moderation_status IS NOT DISTINCT FROM 'pending' AS is_held
    FROM public.messages old WHERE old.id > %(upto)s ORDER BY old.id LIMIT %(batch)s
), people AS (
    INSERT INTO accounts_user (id, password, is_superuser, username, name, is_active, is_staff, created_at)
    SELECT DISTINCT few.author, '!', false, 'legacy-' || few.author, 'Former member', false, false, now()
    FROM few WHERE NOT EXISTS (SELECT FROM accounts_user known WHERE known.id = few.author)
    ON CONFLICT DO NOTHING
), written AS (
    INSERT INTO messaging_message (
        id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at,
        deleted_at, deleted_by_kind, held_at, is_bridged
    )
    SELECT few.id, %(place)s,
           coalesce(link.new_id, legacy_new_talk(
               %(place)s, few.conversation_id, few.sender_id, few.recipient_id, few.said_at, false
           )),
           'direct', few.author, few.said, '{}', '{}', few.said_at,
           CASE WHEN few.deleter IS NOT NULL THEN coalesce(few.updated_at, few.said_at) END, few.deleter,
           CASE WHEN few.is_held THEN few.said_at END, true
    FROM few LEFT JOIN legacy_link link ON link.old_id = few.conversation_id
    ORDER BY few.id
    ON CONFLICT (id) DO NOTHING
)
SELECT count(*) AS done, (array_agg(few.id ORDER BY few.id DESC))[1] AS upto FROM few
----
-- To whom they were: by the range of ids just written, and participant_unique.
INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
SELECT said.id, reader.user_id, said.event_id, said.sender_id, said.created_at
FROM messaging_message said
JOIN messaging_participant reader ON reader.conversation_id = said.conversation_id AND reader.user_id <> said.sender_id
WHERE said.id > %(upto)s AND said.id <= %(until)s AND said.is_bridged AND said.event_id = %(place)s
  AND said.held_at IS NULL
ON CONFLICT DO NOTHING
----
-- Why a moderator took it away: so that it can be restored here.
INSERT INTO messaging_removal (id, message_id, moderator_id, reason)
SELECT gen_random_uuid(), said.id, '00000000-0000-8000-8000-000000000001',
       coalesce(nullif(old.flagged_reason, ''), 'Removed in the old messenger.')
FROM messaging_message said JOIN public.messages old ON old.id = said.id
WHERE said.id > %(upto)s AND said.id <= %(until)s AND said.is_bridged AND said.event_id = %(place)s
  AND said.deleted_by_kind = 'moderator'
ON CONFLICT DO NOTHING
----
-- What was edited or deleted over there while nothing was attached: first it is held, then looked at again, so that what
-- somebody does to it here in this moment is not written over.
SELECT count(legacy_hold(said.id)) AS done
FROM messaging_message said JOIN public.messages old ON old.id = said.id
WHERE said.id > %(upto)s AND said.id <= %(until)s AND said.event_id = %(place)s
  AND (said.content <> coalesce(old.content, '')
       OR said.deleted_by_kind IS NULL AND legacy_deleter(old.status, old.moderation_status) IS NOT NULL)
----
-- A deletion of either side stands; so does what is still owed to the old one.
UPDATE messaging_message said SET
    content = coalesce(old.content, ''), is_bridged = true,
    deleted_by_kind = coalesce(said.deleted_by_kind, legacy_deleter(old.status, old.moderation_status)),
    deleted_at = CASE
        WHEN coalesce(said.deleted_by_kind, legacy_deleter(old.status, old.moderation_status)) IS NOT NULL
        THEN coalesce(said.deleted_at, legacy_time(old.updated_at), clock_timestamp()) END
FROM public.messages old, messaging_conversation talk
WHERE old.id = said.id AND said.id > %(upto)s AND said.id <= %(until)s AND said.event_id = %(place)s
  AND talk.id = said.conversation_id AND talk.kind <> 'group'
  AND (said.content <> coalesce(old.content, '')
       OR said.deleted_by_kind IS NULL AND legacy_deleter(old.status, old.moderation_status) IS NOT NULL)
  AND NOT EXISTS (SELECT FROM legacy_debt owed WHERE owed.message_id = said.id)
----
-- What has another sender or conversation over there by now; the function looks again.
SELECT count(legacy_move(old)) AS done
FROM messaging_message said JOIN public.messages old ON old.id = said.id
JOIN messaging_conversation talk ON talk.id = said.conversation_id AND talk.kind <> 'group'
LEFT JOIN legacy_link link ON link.old_id = old.conversation_id
WHERE said.id > %(upto)s AND said.id <= %(until)s AND said.event_id = %(place)s
  AND (said.conversation_id IS DISTINCT FROM link.new_id
       OR said.sender_id <> coalesce(old.sender_id, '00000000-0000-8000-8000-000000000001'))
----
-- And the other way round; also what the old side left without a time.
SELECT count(legacy_mirror(said.id)) AS done
FROM messaging_message said JOIN public.messages old ON old.id = said.id
JOIN messaging_conversation talk ON talk.id = said.conversation_id AND talk.kind <> 'group'
WHERE said.id > %(upto)s AND said.id <= %(until)s AND said.event_id = %(place)s
  AND (old.created_at IS DISTINCT FROM said.created_at
       OR said.deleted_by_kind IS DISTINCT FROM legacy_deleter(old.status, old.moderation_status)
       OR (said.held_at IS NOT NULL) <> (old.moderation_status IS NOT DISTINCT FROM 'pending'))
