-- Feed items of these messages as someone gets them to whom they were handed; what differs from person to person is put
-- in afterwards. By the function that makes those of the feed, and primary keys.
SELECT said.id::text, feed_item(
    said.id, said.conversation_id, said.content, said.created_at, 'delivered', said.sender_id, sender.name::text,
    sender.avatar_url::text, said.message_type::text, 'delivery', said.tags, said.deleted_by_kind::text,
    '-infinity'::timestamptz, %s::text[]
) AS item
FROM messaging_message said
LEFT JOIN accounts_user sender ON sender.id = said.sender_id
WHERE said.id = ANY (%s::uuid[])
