-- How many are in an event now, and how many of them have ever opened its feed. One range of
-- membership_event_created_at, markers by primary key; two counts in one statement.
SELECT count(*) AS members, count(marker.user_id) AS readers
FROM events_membership membership
LEFT JOIN messaging_feedmarker marker ON marker.user_id = membership.user_id AND marker.event_id = membership.event_id
WHERE membership.event_id = %(event_id)s AND membership.removed_at IS NULL
