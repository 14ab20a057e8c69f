-- The same members by what stands against a text to each, the first reason in the contract's order, and by the beginning
-- of their phones, from which a text's price follows: some hundreds of groups instead of every phone. One range of
-- membership_event_created_at, and people by primary key.
SELECT messaging_against_text(
           person.phone, optout.cause, person.is_active, membership.suspended_until, false, %(at)s
       ) AS reason,
       left(person.phone, %(digits)s) AS beginning, count(*) AS people
FROM events_membership membership
JOIN accounts_user person ON person.id = membership.user_id
LEFT JOIN messaging_optout optout ON optout.phone = person.phone AND optout.lifted_at IS NULL
WHERE membership.event_id = %(event_id)s AND membership.removed_at IS NULL AND membership.user_id <> %(sender_id)s
  AND membership.joined_at <= %(at)s
  AND (%(roles)s::text[] = '{}' OR membership.role = ANY (%(roles)s::text[]))
  AND (%(tags)s::text[] = '{}' OR membership.tags::text[] && %(tags)s::text[])
GROUP BY 1, 2
