-- The conversations of a page as their participant sees them: with their people, the latest message that the person may
-- see, how many they have not read, and what a reply would be told. One round trip, which the ORM needs five for. Each
-- conversation reads its own short ranges of participant_unique and message_conversation_latest, and primary keys.
WITH page AS MATERIALIZED (
{page}
), facts AS (
    SELECT * FROM messaging_reply_facts((SELECT array_agg(page.id) FROM page))
)
SELECT page.id, page.event_id, page.kind, page.title, page.help_request_id, page.created_at, page.last_message_at,
       last.id AS last_id, last.message_type AS last_message_type, last.sender_id AS last_sender_id,
       speaker.name AS last_sender_name, speaker.avatar_url AS last_sender_avatar_url, last.content AS last_content,
       last.created_at AS last_created_at, last.deleted_by_kind AS last_deleted_by_kind, last.held_at AS last_held_at,
       facts.role, facts.removed_at, facts.muted_until, facts.suspended_until, facts.partner_is_member,
       facts.is_blocked, clock_timestamp() AS asked_at,
       people.participants, unread.count AS unread_count
FROM page
JOIN facts ON facts.conversation_id = page.id
JOIN messaging_participant mine
  ON mine.conversation_id = page.id AND mine.user_id = (SELECT callboard_uid())
LEFT JOIN events_membership membership
  ON membership.event_id = page.event_id AND membership.user_id = (SELECT callboard_uid())
LEFT JOIN LATERAL (
    SELECT * FROM messaging_message message
    WHERE message.conversation_id = page.id AND (message.held_at IS NULL OR message.sender_id = mine.user_id)
    ORDER BY message.created_at DESC, message.id DESC
    LIMIT 1
) last ON true
LEFT JOIN accounts_user speaker ON speaker.id = last.sender_id
CROSS JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT FROM messaging_message message
        WHERE message.conversation_id = page.id AND {is_unread}
        LIMIT 999
    ) message
) unread
CROSS JOIN LATERAL (
    SELECT jsonb_agg(
        jsonb_build_object(
            'user_id', participant.user_id, 'name', person.name, 'avatar_url', person.avatar_url,
            'role', theirs.role, 'last_read_message_id', participant.read_message_id,
            'last_read_at', CASE WHEN participant.read_message_id IS NOT NULL
                THEN to_char(participant.read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END
        ) ORDER BY participant.joined_at, participant.id
    ) AS participants
    FROM (
        -- Up to where somebody has read: the newest message of which this person may know, as one may be held later.
        SELECT there.user_id, coalesce((
            SELECT marked.id FROM messaging_message marked
            WHERE marked.id = there.read_message_id AND (marked.held_at IS NULL OR marked.sender_id = mine.user_id)
        ), (
            SELECT earlier.id FROM messaging_message earlier
            WHERE earlier.conversation_id = page.id
              AND (earlier.created_at, earlier.id) < (there.read_upto, there.read_message_id)
              AND (earlier.held_at IS NULL OR earlier.sender_id = mine.user_id)
            ORDER BY earlier.created_at DESC, earlier.id DESC
            LIMIT 1
        )) AS read_message_id, there.read_at, there.joined_at, there.id
        FROM messaging_participant there
        WHERE there.conversation_id = page.id
        UNION ALL
        -- While nothing has been said that others may see, they are only expected; whoever began it sees to whom.
        SELECT waiting.user_id, NULL, NULL, 'infinity', waiting.id
        FROM messaging_expected waiting
        WHERE waiting.conversation_id = page.id AND page.last_message_id IS NULL
    ) participant
    LEFT JOIN accounts_user person ON person.id = participant.user_id
    LEFT JOIN events_membership theirs
      ON theirs.event_id = page.event_id AND theirs.user_id = participant.user_id
) people
ORDER BY page.last_message_at DESC, page.id DESC
