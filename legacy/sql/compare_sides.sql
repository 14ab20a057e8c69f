old AS MATERIALIZED (
    SELECT shown.*, hashtextextended(shown::text, 0) AS sum FROM (
        SELECT old.id, coalesce(link.new_id, (
                   SELECT talk.id FROM legacy_pair(old.sender_id, old.recipient_id) pair
                   JOIN messaging_conversation talk ON talk.event_id = %(place)s AND talk.kind = 'direct'
                    AND talk.low_id = least(pair.one, pair.other) AND talk.high_id = greatest(pair.one, pair.other)
               )) AS talk,
               coalesce(old.sender_id, '00000000-0000-8000-8000-000000000001') AS sender,
               coalesce(old.content, '') AS content, extract(epoch FROM old.created_at) AS said_at,
               legacy_deleter(old.status, old.moderation_status) AS deleter,
               old.moderation_status IS NOT DISTINCT FROM 'pending' AS is_held
        FROM public.messages old LEFT JOIN legacy_link link ON link.old_id = old.conversation_id
        WHERE old.id > %(upto)s AND old.id <= %(until)s
    ) shown
), new AS MATERIALIZED (
    SELECT shown.*, hashtextextended(shown::text, 0) AS sum FROM (
        SELECT said.id, said.conversation_id AS talk, said.sender_id AS sender, said.content,
               extract(epoch FROM said.created_at) AS said_at, said.deleted_by_kind::text AS deleter,
               said.held_at IS NOT NULL AS is_held
        FROM messaging_message said
        JOIN messaging_conversation talk ON talk.id = said.conversation_id AND talk.kind <> 'group'
        WHERE said.id > %(upto)s AND said.id <= %(until)s
          AND said.event_id = %(place)s
          -- What is held is on this side alone, unless the old one had it; what the old one deleted for good is gone.
          AND (said.held_at IS NULL OR EXISTS (SELECT FROM public.messages old WHERE old.id = said.id))
          AND (said.deleted_at IS NULL OR NOT EXISTS (SELECT FROM legacy_tombstone gone WHERE gone.message_id = said.id)
               OR EXISTS (SELECT FROM public.messages old WHERE old.id = said.id))
    ) shown
)
