-- Members by number, so that a script of pgbench can draw one.
CREATE TABLE benchmark_reader AS
SELECT row_number() OVER (ORDER BY md5(member.user_id::text)) AS no, member.event_id AS event, member.user_id AS reader
FROM events_membership member WHERE member.event_id = %(event)s AND member.removed_at IS NULL
