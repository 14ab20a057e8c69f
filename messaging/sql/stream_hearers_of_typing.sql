-- The others in these conversations who are in the event now and listen. Uses participant_unique and
-- membership_event_user_unique.
SELECT typer.number, there.user_id::text
FROM unnest(%s::integer[], %s::uuid[], %s::uuid[]) AS typer (number, conversation_id, user_id)
JOIN messaging_participant there
  ON there.conversation_id = typer.conversation_id AND there.user_id <> typer.user_id
JOIN messaging_conversation talk ON talk.id = there.conversation_id
JOIN events_membership theirs
  ON theirs.event_id = talk.event_id AND theirs.user_id = there.user_id AND theirs.removed_at IS NULL
WHERE there.user_id = ANY (%s::uuid[])
