-- What the rules about replying ask of each who is typing, many in one trip; no row for who takes no part. By primary keys.
SELECT typer.number, facts.role, facts.removed_at, facts.muted_until, facts.suspended_until, facts.partner_is_member,
       facts.is_blocked
FROM unnest(%s::integer[], %s::uuid[], %s::uuid[]) AS typer (number, conversation_id, user_id)
CROSS JOIN LATERAL messaging_reply_facts_of(typer.user_id, typer.conversation_id) facts
