-- One bound without arithmetic, so that the index begins there under row-level security too. What was said before I
-- came is there to be read, but counts as read.
message.created_at >= greatest(mine.read_upto, mine.joined_at, membership.joined_at)
AND (mine.read_upto IS NULL OR message.created_at > mine.read_upto)
AND message.sender_id <> mine.user_id
AND message.deleted_at IS NULL
AND message.held_at IS NULL
