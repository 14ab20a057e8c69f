"""The writes of a person, each one function: it looks at the facts as they are now, and writes only when all allow it.

The API's role can write to no table here; it may call these, which run as the owner for whoever
`callboard_uid()` says is asking. The rules stay where they are: a function is handed the tables of `events.rules` that
it needs, and hands back the facts it went by, from which the same rules then name the refusal.

What a gate of another app says of a message comes in as its outcome (`pass`, `hold`, `refuse`), with the stamp of what
the gate went by. Where that is no longer the one in `messaging_gatestamp`, nothing is written, and the caller asks the
gate again.
"""

import uuid_utils.compat
from django.db import migrations, models

# What the rules about replying ask, for one person and conversation; no row where they take no part in it. In plain
# SQL without settings, so that it becomes part of the statement around it.
REPLY_FACTS_OF = (
    """
    CREATE FUNCTION messaging_reply_facts_of(person uuid, asked uuid) RETURNS TABLE (
        event_id uuid, kind text,
        role text, removed_at timestamptz, muted_until timestamptz, suspended_until timestamptz,
        partner_is_member boolean, is_blocked boolean, partner_id uuid
    )
    LANGUAGE sql STABLE AS $$
        SELECT asked_for.event_id, asked_for.kind::text,
               mine.role::text, mine.removed_at, mine.muted_until, mine.suspended_until,
               partner.id IS NULL OR EXISTS (
                   SELECT FROM public.events_membership theirs
                   WHERE theirs.event_id = asked_for.event_id AND theirs.user_id = partner.id
                     AND theirs.removed_at IS NULL
               ),
               partner.id IS NOT NULL AND (
                   EXISTS (SELECT FROM public.events_block WHERE blocker_id = person AND blocked_id = partner.id)
                   OR EXISTS (SELECT FROM public.events_block WHERE blocker_id = partner.id AND blocked_id = person)
               ),
               partner.id
        FROM public.messaging_participant taking_part
        JOIN public.messaging_conversation asked_for ON asked_for.id = taking_part.conversation_id
        LEFT JOIN public.events_membership mine
          ON mine.event_id = asked_for.event_id AND mine.user_id = taking_part.user_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN asked_for.low_id = person THEN asked_for.high_id ELSE asked_for.low_id END AS id
        ) partner
        WHERE taking_part.conversation_id = asked AND taking_part.user_id = person
    $$
    """,
    "DROP FUNCTION messaging_reply_facts_of(uuid, uuid)",
)

# The same for conversations of the asking person: typing, and can_reply where conversations are shown.
REPLY_FACTS = (
    """
    CREATE FUNCTION messaging_reply_facts(asked uuid[]) RETURNS TABLE (
        conversation_id uuid, event_id uuid, kind text,
        role text, removed_at timestamptz, muted_until timestamptz, suspended_until timestamptz,
        partner_is_member boolean, is_blocked boolean
    )
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        RETURN QUERY
        SELECT wanted.id, facts.event_id, facts.kind, facts.role, facts.removed_at, facts.muted_until,
               facts.suspended_until, facts.partner_is_member, facts.is_blocked
        FROM unnest(asked) AS wanted (id)
        CROSS JOIN LATERAL public.messaging_reply_facts_of(public.callboard_uid(), wanted.id) facts;
    END $$
    """,
    "DROP FUNCTION messaging_reply_facts(uuid[])",
)

# One row at most: what the gate's rules have last become. None at all stands for no rules.
GATE_STAMP = migrations.CreateModel(
    name="GateStamp",
    fields=[
        ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
        ("stamp", models.UUIDField(default=uuid_utils.compat.uuid7)),
    ],
    options={
        "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="gatestamp_is_one_row")],
    },
)

# What becomes of a message that nothing else stands against; null where it passes.
GATE_OF = (
    """
    CREATE FUNCTION messaging_gate_of(gate_stamp uuid, outcome text) RETURNS text
    LANGUAGE sql STABLE AS $$
        SELECT CASE
            WHEN gate_stamp IS DISTINCT FROM (SELECT known.stamp FROM public.messaging_gatestamp known) THEN 'stale'
            WHEN outcome = 'refuse' THEN 'refused'
            WHEN outcome = 'hold' THEN 'held'
        END
    $$
    """,
    "DROP FUNCTION messaging_gate_of(uuid, text)",
)

# For its sender alone, until a moderator lets it out: no delivery, no activity, nothing in the others' stream.
HOLD = (
    """
    CREATE FUNCTION messaging_hold(place uuid, talk uuid, me uuid, new_message uuid, new_content text)
    RETURNS timestamptz
    LANGUAGE plpgsql AS $$
    DECLARE
        said_at CONSTANT timestamptz := clock_timestamp();
    BEGIN
        INSERT INTO public.messaging_message (
            id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at, held_at
        ) VALUES (new_message, place, talk, 'direct', me, new_content, '{}', '{}', said_at, said_at);
        INSERT INTO public.messaging_logentry (kind, event_id, user_id, message_id)
        VALUES ('message.created', place, me, new_message);
        RETURN said_at;
    END $$
    """,
    "DROP FUNCTION messaging_hold(uuid, uuid, uuid, uuid, text)",
)

# A held message goes out as if it had been sent now, so that it stands where the others look for what is new. One at
# large keeps its time; its deliveries are written in batches, by whoever lets it out.
LET_OUT = (
    """
    CREATE FUNCTION messaging_let_out(held public.messaging_message) RETURNS timestamptz
    LANGUAGE plpgsql AS $$
    DECLARE
        out_at timestamptz := held.created_at;
        is_first boolean;
    BEGIN
        IF held.conversation_id IS NOT NULL THEN
            SELECT conversation.last_message_id IS NULL INTO is_first
            FROM public.messaging_conversation conversation
            WHERE conversation.id = held.conversation_id FOR NO KEY UPDATE;
            UPDATE public.messaging_conversation conversation
            SET last_message_id = held.id,
                last_message_at = greatest(clock_timestamp(), conversation.last_message_at + interval '1 microsecond')
            WHERE conversation.id = held.conversation_id
            RETURNING conversation.last_message_at INTO out_at;
        END IF;
        UPDATE public.messaging_message message SET held_at = NULL, created_at = out_at WHERE message.id = held.id;
        INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
        SELECT held.id, reader.user_id, held.event_id, held.sender_id, out_at
        FROM public.messaging_participant reader
        JOIN public.events_membership theirs
          ON theirs.event_id = held.event_id AND theirs.user_id = reader.user_id AND theirs.removed_at IS NULL
        WHERE reader.conversation_id = held.conversation_id AND reader.user_id <> held.sender_id
        -- Where it was held only after it had been handed over.
        ON CONFLICT (message_id, user_id) DO UPDATE SET message_created_at = excluded.message_created_at;
        IF is_first THEN
            INSERT INTO public.messaging_logentry (kind, event_id, user_id, data)
            SELECT 'conversation.created', held.event_id, reader.user_id,
                   jsonb_build_object('conversation_id', held.conversation_id)
            FROM public.messaging_participant reader
            WHERE reader.conversation_id = held.conversation_id AND reader.user_id <> held.sender_id;
        END IF;
        INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id)
        VALUES ('message.created', held.event_id, held.conversation_id, held.id);
        RETURN out_at;
    END $$
    """,
    "DROP FUNCTION messaging_let_out(messaging_message)",
)

SEND = (
    """
    CREATE FUNCTION messaging_send(
        asked uuid, new_message uuid, new_content text, read_only_roles text[],
        gate_stamp uuid DEFAULT NULL, outcome text DEFAULT 'pass',
        OUT is_found boolean, OUT event_id uuid,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT partner_is_member boolean, OUT is_blocked boolean, OUT asked_at timestamptz, OUT sent_at timestamptz,
        OUT gate text
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        place uuid;
        partner uuid;
        present_stamp uuid;
    BEGIN
        asked_at := clock_timestamp();
        SELECT facts.event_id, facts.role, facts.removed_at, facts.muted_until, facts.suspended_until,
               facts.partner_is_member, facts.is_blocked, facts.partner_id,
               (SELECT known.stamp FROM public.messaging_gatestamp known)
        INTO place, role, removed_at, muted_until, suspended_until, partner_is_member, is_blocked, partner,
             present_stamp
        FROM public.messaging_reply_facts_of(me, asked) facts;
        is_found := FOUND;
        event_id := place;
        IF role IS NULL OR removed_at IS NOT NULL OR suspended_until > asked_at OR muted_until > asked_at
           OR role = ANY (read_only_roles) OR NOT partner_is_member OR is_blocked THEN
            RETURN;
        END IF;
        IF gate_stamp IS DISTINCT FROM present_stamp OR outcome <> 'pass' THEN
            gate := public.messaging_gate_of(gate_stamp, outcome);
            IF gate = 'held' THEN
                sent_at := public.messaging_hold(place, asked, me, new_message, new_content);
            END IF;
            RETURN;
        END IF;
        -- The row's lock puts the sends of a conversation in line; only what comes after it reads the clock.
        UPDATE public.messaging_conversation conversation
        SET last_message_id = new_message,
            last_message_at = greatest(clock_timestamp(), conversation.last_message_at + interval '1 microsecond')
        WHERE conversation.id = asked
        RETURNING conversation.last_message_at INTO sent_at;
        INSERT INTO public.messaging_message (
            id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at
        ) VALUES (new_message, place, asked, 'direct', me, new_content, '{}', '{}', sent_at);
        IF partner IS NOT NULL THEN
            -- A member, as the facts say; in a group, those who are.
            INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
            VALUES (new_message, partner, place, me, sent_at);
        ELSE
            INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
            SELECT new_message, reader.user_id, place, me, sent_at
            FROM public.messaging_participant reader
            JOIN public.events_membership theirs
              ON theirs.event_id = place AND theirs.user_id = reader.user_id AND theirs.removed_at IS NULL
            WHERE reader.conversation_id = asked AND reader.user_id <> me;
        END IF;
        INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id)
        VALUES ('message.created', place, asked, new_message);
    END $$
    """,
    "DROP FUNCTION messaging_send(uuid, uuid, text, text[], uuid, text)",
)

# The same as one statement outside a transaction: the owner calls it, and it takes the role in which the send then
# runs. A pipeline with the role ahead costs the client nearly twice as much.
SEND_AS = (
    """
    CREATE FUNCTION messaging_send_as(
        person uuid, token uuid, stamp text, asked uuid, new_message uuid, new_content text, read_only_roles text[],
        gate_stamp uuid, outcome text,
        OUT is_found boolean, OUT event_id uuid,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT partner_is_member boolean, OUT is_blocked boolean, OUT asked_at timestamptz, OUT sent_at timestamptz,
        OUT gate text
    )
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM public.callboard_enter(person, token, stamp);
        SELECT sent.* INTO is_found, event_id, role, removed_at, muted_until, suspended_until,
                           partner_is_member, is_blocked, asked_at, sent_at, gate
        FROM public.messaging_send(asked, new_message, new_content, read_only_roles, gate_stamp, outcome) sent;
    END $$
    """,
    "DROP FUNCTION messaging_send_as(uuid, uuid, text, uuid, uuid, text, text[], uuid, text)",
)

# A conversation whole: its people, its first message, the deliveries, the log. Null where there is one already.
OPEN = (
    """
    CREATE FUNCTION messaging_open(
        me uuid, others uuid[], place uuid, new_kind text, new_title text, request uuid,
        new_conversation uuid, new_message uuid, new_content text, is_held boolean
    ) RETURNS timestamptz
    LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        opened_at CONSTANT timestamptz := clock_timestamp();
        partner CONSTANT uuid := CASE WHEN new_kind <> 'group' THEN others[1] END;
    BEGIN
        INSERT INTO public.messaging_conversation (
            id, event_id, kind, title, help_request_id, maker_id, low_id, high_id,
            created_at, last_message_id, last_message_at
        ) VALUES (
            new_conversation, place, new_kind, new_title, request, me,
            CASE WHEN partner IS NOT NULL THEN least(me, partner) END,
            CASE WHEN partner IS NOT NULL THEN greatest(me, partner) END,
            opened_at, CASE WHEN NOT is_held THEN new_message END, opened_at
        ) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        -- In this order: who has stood longest follows a maker who leaves, and these all join at once.
        INSERT INTO public.messaging_participant (conversation_id, user_id, joined_at)
        SELECT new_conversation, people.id, opened_at
        FROM unnest(me || others) WITH ORDINALITY AS people (id, place)
        ORDER BY people.place;
        IF is_held THEN
            -- The others find a conversation in which nothing has been said.
            INSERT INTO public.messaging_logentry (kind, event_id, user_id, data)
            VALUES ('conversation.created', place, me, jsonb_build_object('conversation_id', new_conversation));
            RETURN public.messaging_hold(place, new_conversation, me, new_message, new_content);
        END IF;
        INSERT INTO public.messaging_message (
            id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at
        ) VALUES (new_message, place, new_conversation, 'direct', me, new_content, '{}', '{}', opened_at);
        INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
        SELECT new_message, readers.id, place, me, opened_at FROM unnest(others) AS readers (id);
        INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id)
        VALUES ('conversation.created', place, new_conversation, NULL),
               ('message.created', place, new_conversation, new_message);
        RETURN opened_at;
    END $$
    """,
    "DROP FUNCTION messaging_open(uuid, uuid[], uuid, text, text, uuid, uuid, uuid, text, boolean)",
)

# `openings` is the matrix as `from:to`. Roles come back in the order of `others`, null for who is no member.
START = (
    """
    CREATE FUNCTION messaging_start(
        place uuid, others uuid[], new_kind text, new_title text,
        new_conversation uuid, new_message uuid, new_content text, openings text[],
        gate_stamp uuid DEFAULT NULL, outcome text DEFAULT 'pass',
        OUT is_found boolean,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT their_roles text[], OUT is_blocked boolean, OUT existing_id uuid,
        OUT asked_at timestamptz, OUT sent_at timestamptz, OUT gate text
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        is_allowed boolean;
    BEGIN
        asked_at := clock_timestamp();
        is_found := EXISTS (SELECT FROM public.events_event event WHERE event.id = place);
        SELECT mine.role, mine.removed_at, mine.muted_until, mine.suspended_until
        INTO role, removed_at, muted_until, suspended_until
        FROM public.events_membership mine WHERE mine.event_id = place AND mine.user_id = me;
        IF role IS NULL OR removed_at IS NOT NULL OR suspended_until > asked_at OR muted_until > asked_at THEN
            RETURN;
        END IF;
        SELECT array_agg(theirs.role::text ORDER BY people.place),
               coalesce(bool_and(messaging_start.role || ':' || theirs.role = ANY (openings)), false)
               AND count(theirs.role) = count(*)
        INTO their_roles, is_allowed
        FROM unnest(others) WITH ORDINALITY AS people (id, place)
        LEFT JOIN public.events_membership theirs
          ON theirs.event_id = messaging_start.place AND theirs.user_id = people.id AND theirs.removed_at IS NULL;
        is_blocked := EXISTS (SELECT FROM public.events_blocked_with(others));
        IF NOT is_allowed OR is_blocked THEN
            RETURN;
        END IF;
        gate := public.messaging_gate_of(gate_stamp, outcome);
        IF gate IN ('stale', 'refused') THEN
            RETURN;
        END IF;
        sent_at := public.messaging_open(
            me, others, place, new_kind, new_title, NULL, new_conversation, new_message, new_content,
            gate IS NOT NULL
        );
        IF sent_at IS NULL THEN
            SELECT conversation.id INTO existing_id FROM public.messaging_conversation conversation
            WHERE conversation.event_id = place AND conversation.kind = 'direct'
              AND conversation.low_id = least(me, others[1]) AND conversation.high_id = greatest(me, others[1]);
        END IF;
    END $$
    """,
    "DROP FUNCTION messaging_start(uuid, uuid[], text, text, uuid, uuid, text, text[], uuid, text)",
)

OFFER_HELP = (
    """
    CREATE FUNCTION messaging_offer_help(
        request uuid, new_conversation uuid, new_message uuid, new_content text, read_only_roles text[],
        gate_stamp uuid DEFAULT NULL, outcome text DEFAULT 'pass',
        OUT event_id uuid,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT requester_id uuid, OUT request_status text, OUT requester_is_member boolean, OUT is_blocked boolean,
        OUT existing_id uuid, OUT asked_at timestamptz, OUT sent_at timestamptz, OUT gate text
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        place uuid;
        asker uuid;
    BEGIN
        asked_at := clock_timestamp();
        SELECT asked.event_id, asked.requester_id, asked.status,
               mine.role, mine.removed_at, mine.muted_until, mine.suspended_until,
               EXISTS (
                   SELECT FROM public.events_membership theirs
                   WHERE theirs.event_id = asked.event_id AND theirs.user_id = asked.requester_id
                     AND theirs.removed_at IS NULL
               ),
               EXISTS (SELECT FROM public.events_blocked_with(ARRAY[asked.requester_id]))
        INTO place, asker, request_status, role, removed_at, muted_until, suspended_until,
             requester_is_member, is_blocked
        FROM public.events_helprequest asked
        LEFT JOIN public.events_membership mine ON mine.event_id = asked.event_id AND mine.user_id = me
        WHERE asked.id = request;
        event_id := place;
        requester_id := asker;
        IF role IS NULL OR removed_at IS NOT NULL OR suspended_until > asked_at OR muted_until > asked_at
           OR role = ANY (read_only_roles) OR NOT requester_is_member OR asker = me OR is_blocked THEN
            RETURN;
        END IF;
        gate := public.messaging_gate_of(gate_stamp, outcome);
        IF gate IN ('stale', 'refused') THEN
            RETURN;
        END IF;
        -- That there is one already is said before that the request takes no more.
        SELECT conversation.id INTO existing_id FROM public.messaging_conversation conversation
        WHERE conversation.kind = 'help' AND conversation.help_request_id = request AND conversation.maker_id = me;
        IF existing_id IS NOT NULL OR request_status <> 'open' THEN
            RETURN;
        END IF;
        sent_at := public.messaging_open(
            me, ARRAY[asker], place, 'help', NULL, request, new_conversation, new_message, new_content,
            gate IS NOT NULL
        );
        IF sent_at IS NULL THEN
            SELECT conversation.id INTO existing_id FROM public.messaging_conversation conversation
            WHERE conversation.kind = 'help' AND conversation.help_request_id = request
              AND conversation.maker_id = me;
        END IF;
    END $$
    """,
    "DROP FUNCTION messaging_offer_help(uuid, uuid, uuid, text, text[], uuid, text)",
)

# The marker moves forward only; the message must be one of this conversation that the person can see.
MARK_READ = (
    """
    CREATE FUNCTION messaging_mark_read(
        asked uuid, read_message uuid, OUT is_found boolean, OUT is_message_found boolean
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        place uuid;
        said_at timestamptz;
        now_at CONSTANT timestamptz := clock_timestamp();
    BEGIN
        is_found := EXISTS (
            SELECT FROM public.messaging_participant mine WHERE mine.conversation_id = asked AND mine.user_id = me
        );
        is_message_found := false;
        IF NOT is_found THEN
            RETURN;
        END IF;
        SELECT message.event_id, message.created_at INTO place, said_at
        FROM public.messaging_message message
        WHERE message.id = read_message AND message.conversation_id = asked
          AND (message.held_at IS NULL OR message.sender_id = me);
        is_message_found := FOUND;
        UPDATE public.messaging_participant mine
        SET read_message_id = read_message, read_upto = said_at, read_at = now_at
        WHERE mine.conversation_id = asked AND mine.user_id = me AND is_message_found
          AND (mine.read_upto IS NULL OR (mine.read_upto, mine.read_message_id) < (said_at, read_message));
        IF FOUND THEN
            INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id, data)
            VALUES ('conversation.read', place, asked, NULL, jsonb_build_object(
                'user_id', me, 'message_id', read_message, 'read_at', now_at
            ));
        END IF;
    END $$
    """,
    "DROP FUNCTION messaging_mark_read(uuid, uuid)",
)

INVITE = (
    """
    CREATE FUNCTION messaging_invite(
        asked uuid, invited uuid, openings text[], most integer,
        OUT is_found boolean, OUT kind text, OUT is_maker boolean, OUT event_id uuid,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT their_role text, OUT is_blocked boolean, OUT is_in boolean, OUT people integer,
        OUT asked_at timestamptz, OUT is_done boolean
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        place uuid;
    BEGIN
        is_done := false;
        is_found := EXISTS (
            SELECT FROM public.messaging_participant mine WHERE mine.conversation_id = asked AND mine.user_id = me
        );
        IF NOT is_found THEN
            RETURN;
        END IF;
        -- The row's lock holds the number of people still.
        SELECT conversation.event_id, conversation.kind, conversation.maker_id = me INTO place, kind, is_maker
        FROM public.messaging_conversation conversation WHERE conversation.id = asked FOR NO KEY UPDATE;
        event_id := place;
        asked_at := clock_timestamp();
        SELECT mine.role, mine.removed_at, mine.muted_until, mine.suspended_until
        INTO role, removed_at, muted_until, suspended_until
        FROM public.events_membership mine WHERE mine.event_id = place AND mine.user_id = me;
        SELECT theirs.role INTO their_role FROM public.events_membership theirs
        WHERE theirs.event_id = place AND theirs.user_id = invited AND theirs.removed_at IS NULL;
        is_blocked := EXISTS (SELECT FROM public.events_blocked_with(ARRAY[invited]));
        SELECT count(*), coalesce(bool_or(present.user_id = invited), false) INTO people, is_in
        FROM public.messaging_participant present WHERE present.conversation_id = asked;
        IF kind <> 'group' OR NOT is_maker OR is_in OR people >= most
           OR role IS NULL OR removed_at IS NOT NULL OR suspended_until > asked_at OR muted_until > asked_at
           OR their_role IS NULL OR role || ':' || their_role <> ALL (openings) OR is_blocked THEN
            RETURN;
        END IF;
        INSERT INTO public.messaging_participant (conversation_id, user_id, joined_at)
        VALUES (asked, invited, clock_timestamp());
        INSERT INTO public.messaging_logentry (kind, event_id, user_id, data)
        VALUES ('conversation.created', place, invited, jsonb_build_object('conversation_id', asked));
        is_done := true;
    END $$
    """,
    "DROP FUNCTION messaging_invite(uuid, uuid, text[], integer)",
)

TAKE_OUT = (
    """
    CREATE FUNCTION messaging_take_out(
        asked uuid, leaving uuid,
        OUT is_found boolean, OUT kind text, OUT is_maker boolean, OUT event_id uuid,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT asked_at timestamptz, OUT is_done boolean
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        place uuid;
    BEGIN
        is_done := false;
        -- The row's lock keeps two who leave from handing the group to one another.
        SELECT conversation.event_id, conversation.kind, conversation.maker_id = me INTO place, kind, is_maker
        FROM public.messaging_conversation conversation
        WHERE conversation.id = asked AND EXISTS (
            SELECT FROM public.messaging_participant mine WHERE mine.conversation_id = asked AND mine.user_id = me
        ) FOR NO KEY UPDATE;
        asked_at := clock_timestamp();
        event_id := place;
        is_found := place IS NOT NULL AND EXISTS (
            SELECT FROM public.messaging_participant theirs
            WHERE theirs.conversation_id = asked AND theirs.user_id = leaving
        );
        SELECT mine.role, mine.removed_at, mine.muted_until, mine.suspended_until
        INTO role, removed_at, muted_until, suspended_until
        FROM public.events_membership mine WHERE mine.event_id = place AND mine.user_id = me;
        IF NOT is_found OR kind <> 'group' OR suspended_until > asked_at OR NOT (is_maker OR leaving = me)
           OR leaving <> me AND (role IS NULL OR removed_at IS NOT NULL) THEN
            RETURN;
        END IF;
        DELETE FROM public.messaging_participant gone
        WHERE gone.conversation_id = asked AND gone.user_id = leaving;
        UPDATE public.messaging_conversation conversation SET maker_id = coalesce((
            SELECT next.user_id FROM public.messaging_participant next
            LEFT JOIN public.events_membership theirs
              ON theirs.event_id = place AND theirs.user_id = next.user_id AND theirs.removed_at IS NULL
            WHERE next.conversation_id = asked
            -- A group is made over to somebody who is still at the event, if there is one.
            ORDER BY theirs.user_id IS NULL, next.joined_at, next.id LIMIT 1
        ), maker_id)
        WHERE conversation.id = asked AND conversation.maker_id = leaving;
        is_done := true;
    END $$
    """,
    "DROP FUNCTION messaging_take_out(uuid, uuid)",
)

DELETE = (
    """
    CREATE FUNCTION messaging_delete(
        asked uuid,
        OUT is_found boolean, OUT event_id uuid,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT asked_at timestamptz, OUT is_done boolean
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        place uuid;
        talk uuid;
        deleter text;
        is_held boolean;
    BEGIN
        is_done := false;
        SELECT message.event_id, message.conversation_id, message.deleted_by_kind, message.held_at IS NOT NULL
        INTO place, talk, deleter, is_held
        FROM public.messaging_message message WHERE message.id = asked AND message.sender_id = me
        FOR NO KEY UPDATE;
        is_found := FOUND;
        event_id := place;
        asked_at := clock_timestamp();
        SELECT mine.role, mine.removed_at, mine.muted_until, mine.suspended_until
        INTO role, removed_at, muted_until, suspended_until
        FROM public.events_membership mine WHERE mine.event_id = place AND mine.user_id = me;
        IF role IS NULL OR removed_at IS NOT NULL OR suspended_until > asked_at OR deleter = 'sender' THEN
            RETURN;
        END IF;
        UPDATE public.messaging_message message SET deleted_at = asked_at, deleted_by_kind = 'sender'
        WHERE message.id = asked;
        INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, user_id, message_id)
        VALUES ('message.updated', place, CASE WHEN NOT is_held THEN talk END, CASE WHEN is_held THEN me END, asked);
        is_done := true;
    END $$
    """,
    "DROP FUNCTION messaging_delete(uuid)",
)

# For moderators and staff only, who may not read what it changes: nobody else learns that there is such a message,
# and of a private one nobody learns the text.
MODERATE = (
    """
    CREATE FUNCTION messaging_moderate(
        asked uuid, step text, new_removal uuid, given_reason text, moderating_roles text[],
        OUT is_found boolean, OUT is_staff boolean,
        OUT role text, OUT removed_at timestamptz, OUT muted_until timestamptz, OUT suspended_until timestamptz,
        OUT state text, OUT asked_at timestamptz, OUT is_done boolean,
        OUT event_id uuid, OUT conversation_id uuid, OUT message_type text, OUT sender_id uuid, OUT content text,
        OUT created_at timestamptz, OUT held_at timestamptz
    )
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        found_message public.messaging_message%ROWTYPE;
    BEGIN
        is_done := false;
        is_found := false;
        is_staff := EXISTS (
            SELECT FROM public.accounts_user person WHERE person.id = me AND person.is_staff AND person.is_active
        );
        SELECT message.* INTO found_message FROM public.messaging_message message WHERE message.id = asked;
        SELECT mine.role, mine.removed_at, mine.muted_until, mine.suspended_until
        INTO role, removed_at, muted_until, suspended_until
        FROM public.events_membership mine WHERE mine.event_id = found_message.event_id AND mine.user_id = me;
        IF found_message.id IS NULL
           OR NOT (is_staff OR coalesce(role = ANY (moderating_roles) AND removed_at IS NULL, false)) THEN
            role := NULL;
            RETURN;
        END IF;
        SELECT message.* INTO found_message FROM public.messaging_message message WHERE message.id = asked
        FOR NO KEY UPDATE;
        is_found := true;
        asked_at := clock_timestamp();
        event_id := found_message.event_id;
        state := CASE found_message.deleted_by_kind
            WHEN 'sender' THEN 'deleted' WHEN 'moderator' THEN 'removed'
            ELSE CASE WHEN found_message.held_at IS NULL THEN 'visible' ELSE 'held' END END;
        IF suspended_until > asked_at AND NOT is_staff
           OR (step, state) NOT IN (
               ('remove', 'visible'), ('remove', 'held'), ('restore', 'removed'), ('release', 'held')
           ) THEN
            RETURN;
        END IF;
        IF step = 'remove' THEN
            UPDATE public.messaging_message message
            SET deleted_at = messaging_moderate.asked_at, deleted_by_kind = 'moderator' WHERE message.id = asked;
            INSERT INTO public.messaging_removal (id, message_id, moderator_id, reason)
            VALUES (new_removal, asked, me, given_reason);
        ELSIF step = 'restore' THEN
            UPDATE public.messaging_message message
            SET deleted_at = NULL, deleted_by_kind = NULL WHERE message.id = asked;
            UPDATE public.messaging_removal removal
            SET restored_at = messaging_moderate.asked_at, restorer_id = me
            WHERE removal.message_id = asked AND removal.restored_at IS NULL;
        END IF;
        state := CASE WHEN step = 'remove' THEN 'removed' ELSE 'visible' END;
        IF found_message.held_at IS NULL THEN
            INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id)
            VALUES ('message.updated', found_message.event_id, found_message.conversation_id, asked);
        ELSE
            -- Nobody else has heard of it; what a moderator restores has been looked at, and goes out.
            IF step <> 'remove' THEN
                found_message.created_at := public.messaging_let_out(found_message);
                found_message.held_at := NULL;
            END IF;
            INSERT INTO public.messaging_logentry (kind, event_id, user_id, message_id)
            VALUES ('message.updated', found_message.event_id, found_message.sender_id, asked);
        END IF;
        is_done := true;
        conversation_id := found_message.conversation_id;
        message_type := found_message.message_type;
        sender_id := found_message.sender_id;
        created_at := found_message.created_at;
        held_at := found_message.held_at;
        content := CASE WHEN found_message.conversation_id IS NULL THEN found_message.content END;
    END $$
    """,
    "DROP FUNCTION messaging_moderate(uuid, text, uuid, text, text[])",
)

FOR_THE_API = (
    "messaging_reply_facts(uuid[])",
    "messaging_send(uuid, uuid, text, text[], uuid, text)",
    "messaging_start(uuid, uuid[], text, text, uuid, uuid, text, text[], uuid, text)",
    "messaging_offer_help(uuid, uuid, uuid, text, text[], uuid, text)",
    "messaging_mark_read(uuid, uuid)",
    "messaging_invite(uuid, uuid, text[], integer)",
    "messaging_take_out(uuid, uuid)",
    "messaging_delete(uuid)",
    "messaging_moderate(uuid, text, uuid, text, text[])",
)
FOR_THE_OWNER = (
    "messaging_reply_facts_of(uuid, uuid)",
    "messaging_send_as(uuid, uuid, text, uuid, uuid, text, text[], uuid, text)",
    "messaging_open(uuid, uuid[], uuid, text, text, uuid, uuid, uuid, text, boolean)",
    "messaging_gate_of(uuid, text)",
    "messaging_hold(uuid, uuid, uuid, uuid, text)",
    "messaging_let_out(messaging_message)",
)


def rights() -> list[tuple[str, str]]:
    kept = [f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in (*FOR_THE_OWNER, *FOR_THE_API)]
    given = [f"GRANT EXECUTE ON FUNCTION {name} TO callboard_api" for name in FOR_THE_API]
    return [(statement, migrations.RunSQL.noop) for statement in (*kept, *given)]


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_who_sees_what")]
    operations = [
        GATE_STAMP,
        *(
            migrations.RunSQL(*pair)
            for pair in (
                REPLY_FACTS_OF,
                REPLY_FACTS,
                GATE_OF,
                HOLD,
                LET_OUT,
                SEND,
                SEND_AS,
                OPEN,
                START,
                OFFER_HELP,
                MARK_READ,
                INVITE,
                TAKE_OUT,
                DELETE,
                MODERATE,
                *rights(),
            )
        ),
    ]
