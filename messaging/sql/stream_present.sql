-- Which of these people are in the event now, and in the conversation where there is one: many pairs in one trip. Uses
-- membership_event_user_unique and participant_unique.
SELECT pair.number, pair.user_id::text
FROM unnest(%s::integer[], %s::uuid[], %s::uuid[], %s::uuid[]) AS pair (number, event_id, conversation_id, user_id)
WHERE EXISTS (
    SELECT FROM events_membership mine
    WHERE mine.event_id = pair.event_id AND mine.user_id = pair.user_id AND mine.removed_at IS NULL
) AND (pair.conversation_id IS NULL OR EXISTS (
    SELECT FROM messaging_participant there
    WHERE there.conversation_id = pair.conversation_id AND there.user_id = pair.user_id
))
