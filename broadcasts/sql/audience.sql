-- How many members a message at large concerns at this moment: those that messaging/sql/deliver.sql hands it to. Arrays
-- that may be empty on both sides are no ORM's matter. One range of membership_event_created_at.
SELECT count(*)
FROM events_membership membership
WHERE membership.event_id = %(event_id)s AND membership.removed_at IS NULL AND membership.user_id <> %(sender_id)s
  AND membership.joined_at <= %(at)s
  AND (%(roles)s::text[] = '{}' OR membership.role = ANY (%(roles)s::text[]))
  AND (%(tags)s::text[] = '{}' OR membership.tags::text[] && %(tags)s::text[])
