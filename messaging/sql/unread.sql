-- How many messages of an event's conversations the person has not read. Stops at the cap, and asks only conversations in
-- which something was said after the marker, which the ORM cannot. Uses participant_user_conversation, the primary key of
-- conversations, and of each the range of message_conversation_latest after the marker.
SELECT count(*) AS unread FROM (
    SELECT FROM messaging_participant mine
    JOIN messaging_conversation conversation ON conversation.id = mine.conversation_id
    LEFT JOIN events_membership membership
      ON membership.event_id = conversation.event_id AND membership.user_id = mine.user_id
    JOIN messaging_message message ON message.conversation_id = conversation.id
    WHERE mine.user_id = (SELECT callboard_uid()) AND conversation.event_id = %s
      AND (mine.read_upto IS NULL OR mine.read_upto < conversation.last_message_at)
      AND {is_unread}
    LIMIT 999
) message
