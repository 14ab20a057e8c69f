"""What the old side's triggers do; what takes a start or a send by the old tables; and where the bridge may move to."""

from importlib import import_module

from django.db import migrations

_counterparts = import_module("legacy.migrations.0002_counterparts")
PINNED, NOBODY = _counterparts.PINNED, _counterparts.NOBODY
DEFINER = f"LANGUAGE plpgsql SECURITY DEFINER {PINNED}"

# What is changed here goes over; what is not changed here and differs has been changed over there, by somebody who
# could not wait, and comes back. Each of the four is settled by itself, then each side is made to say so.
SETTLE = (
    f"""
    CREATE FUNCTION legacy_settle(was public.messages, old public.messages) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        said public.messaging_message;
        text_now text := coalesce(old.content, '');
        deleter_now text := public.legacy_deleter(old.status, old.moderation_status);
        held_now boolean := old.moderation_status IS NOT DISTINCT FROM 'pending';
        said_now timestamptz := public.legacy_time(old.created_at);
    BEGIN
        SELECT known.* INTO said FROM public.messaging_message known WHERE known.id = old.id FOR NO KEY UPDATE;
        IF was.id IS NOT NULL THEN
            IF text_now = coalesce(was.content, '') THEN
                text_now := said.content;
            END IF;
            IF deleter_now IS NOT DISTINCT FROM public.legacy_deleter(was.status, was.moderation_status) THEN
                deleter_now := said.deleted_by_kind;
            END IF;
            IF held_now = (was.moderation_status IS NOT DISTINCT FROM 'pending') THEN
                held_now := said.held_at IS NOT NULL;
            END IF;
            IF old.created_at IS NOT DISTINCT FROM was.created_at THEN
                said_now := said.created_at;
            END IF;
        END IF;
        said_now := coalesce(said_now, said.created_at);
        IF said.held_at IS NOT NULL AND NOT held_now THEN
            -- It goes out as if it had been sent now.
            said_now := public.messaging_let_out(said);
            SELECT known.* INTO said FROM public.messaging_message known WHERE known.id = old.id;
        END IF;
        IF said.content <> text_now OR said.deleted_by_kind IS DISTINCT FROM deleter_now
           OR (said.held_at IS NOT NULL) <> held_now OR said.created_at <> said_now THEN
            UPDATE public.messaging_message SET
                content = text_now, is_bridged = is_bridged OR content <> text_now, created_at = said_now,
                deleted_by_kind = deleter_now,
                deleted_at = CASE WHEN deleter_now IS NOT NULL THEN coalesce(deleted_at, clock_timestamp()) END,
                held_at = CASE WHEN held_now THEN coalesce(held_at, clock_timestamp()) END
            WHERE id = old.id;
            UPDATE public.messaging_delivery SET message_created_at = said_now
            WHERE message_id = old.id AND message_created_at <> said_now;
            IF deleter_now = 'moderator' THEN
                PERFORM public.legacy_note_removal(old.id, old.flagged_reason);
            ELSIF said.deleted_by_kind = 'moderator' THEN
                UPDATE public.messaging_removal SET restored_at = clock_timestamp(), restorer_id = '{NOBODY}'
                WHERE message_id = old.id AND restored_at IS NULL;
            END IF;
            INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, user_id, message_id)
            VALUES ('message.updated', said.event_id, CASE WHEN NOT held_now THEN said.conversation_id END,
                    CASE WHEN held_now THEN said.sender_id END, old.id);
        END IF;
        PERFORM public.legacy_mirror(old.id);
        PERFORM public.legacy_forgive(old.id);
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_settle(public.messages, public.messages)",
)

# An old message that is read moves its reader's marker; one that the marker has passed is read. Markers never go back.
# The lock keeps a marker from passing a message that is not there yet for whoever moves it.
SETTLE_READING = (
    f"""
    CREATE FUNCTION legacy_settle_reading(old public.messages) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        said public.messaging_message;
        reader uuid;
        marker public.messaging_participant;
        was text;
        now_at CONSTANT timestamptz := coalesce(public.legacy_time(old.read_at), clock_timestamp());
    BEGIN
        SELECT known.* INTO said FROM public.messaging_message known WHERE known.id = old.id;
        SELECT coalesce(old.recipient_id, CASE WHEN talk.low_id = said.sender_id THEN talk.high_id ELSE talk.low_id END)
        INTO reader FROM public.messaging_conversation talk WHERE talk.id = said.conversation_id;
        SELECT known.* INTO marker FROM public.messaging_participant known
        WHERE known.conversation_id = said.conversation_id AND known.user_id = reader FOR NO KEY UPDATE;
        IF NOT FOUND OR reader = said.sender_id THEN
            RETURN;
        END IF;
        IF old.read_at IS NULL AND said.created_at <= marker.read_upto THEN
            was := public.legacy_own_write('on');
            UPDATE public.messages SET
                read_at = marker.read_at,
                status = CASE WHEN status IN ('sent', 'delivered') THEN 'read' ELSE status END
            WHERE id = (SELECT free.id FROM public.messages free WHERE free.id = old.id FOR NO KEY UPDATE SKIP LOCKED)
              AND read_at IS NULL;
            PERFORM public.legacy_own_write(was);
            INSERT INTO public.legacy_debt (message_id)
            SELECT held.id FROM public.messages held WHERE held.id = old.id AND held.read_at IS NULL;
        ELSIF old.read_at IS NOT NULL AND said.held_at IS NULL AND (
            marker.read_upto IS NULL OR (marker.read_upto, marker.read_message_id) < (said.created_at, said.id)
        ) THEN
            UPDATE public.messaging_participant
            SET read_message_id = said.id, read_upto = said.created_at, read_at = now_at WHERE id = marker.id;
            INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, data)
            VALUES ('conversation.read', said.event_id, said.conversation_id, jsonb_build_object(
                'user_id', reader, 'message_id', said.id, 'read_at', now_at
            ));
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_settle_reading(public.messages)",
)

# For whoever comes by: what could not wait is written now, on the side that lacks it. Behind `legacy_one_at_a_time`, or
# by who has the conversation's row.
SETTLE_DEBT = (
    f"""
    CREATE FUNCTION legacy_settle_debt(message uuid) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        old public.messages;
    BEGIN
        PERFORM public.legacy_in_line(message);
        SELECT known.* INTO old FROM public.messages known WHERE known.id = message FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND AND EXISTS (SELECT FROM public.messages known WHERE known.id = message) THEN
            RETURN;
        END IF;
        -- Before what may note it anew.
        PERFORM public.legacy_forgive(message);
        PERFORM public.legacy_mirror(message)
        WHERE EXISTS (SELECT FROM public.messaging_message said WHERE said.id = message);
        IF old.id IS NOT NULL THEN
            PERFORM public.legacy_settle_reading(old);
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_settle_debt(uuid)",
)
# Of what the old side was told, and somebody holds: that one takes it over, and knows what of it is their own.
SETTLE_DEBTS_OF = (
    f"""
    CREATE FUNCTION legacy_settle_debts_of(talk uuid, but_for uuid) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        owed uuid;
    BEGIN
        FOR owed IN
            SELECT DISTINCT debt.message_id FROM public.legacy_debt debt
            JOIN public.messaging_message said ON said.id = debt.message_id AND said.conversation_id = talk
            WHERE debt.is_untold AND debt.message_id IS DISTINCT FROM but_for
        LOOP
            PERFORM public.legacy_settle_debt(owed);
        END LOOP;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_settle_debts_of(uuid, uuid)",
)

FORGET = (
    f"""
    CREATE FUNCTION legacy_forget(message uuid) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        said public.messaging_message;
    BEGIN
        PERFORM public.legacy_in_line(message);
        -- Not what is none of the bridge's, and had the same id before it stood.
        SELECT known.* INTO said
        FROM public.messaging_message known
        JOIN public.messaging_conversation talk ON talk.id = known.conversation_id AND talk.kind <> 'group'
        WHERE known.id = message AND known.event_id = (SELECT bridge.event_id FROM public.legacy_bridge bridge)
        FOR NO KEY UPDATE OF known;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        -- First, so that the deletion over there does not make it anew here.
        INSERT INTO public.legacy_tombstone (message_id) VALUES (message) ON CONFLICT DO NOTHING;
        PERFORM public.legacy_forgive(message);
        -- Also what a moderator had removed: it is not there to be restored any more.
        IF said.deleted_by_kind IS DISTINCT FROM 'sender' THEN
            UPDATE public.messaging_message SET deleted_at = clock_timestamp(), deleted_by_kind = 'sender'
            WHERE id = message;
            INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, user_id, message_id)
            VALUES ('message.updated', said.event_id, CASE WHEN said.held_at IS NULL THEN said.conversation_id END,
                    CASE WHEN said.held_at IS NOT NULL THEN said.sender_id END, message);
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_forget(uuid)",
)

REFUSE_TRUNCATE = (
    f"""
    CREATE FUNCTION legacy_refuse_truncate() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        RAISE EXCEPTION '% is kept in step with Callboard and cannot be truncated; delete rows', TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state';
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_refuse_truncate()",
)
REFUSE_WRITE = (
    f"""
    CREATE FUNCTION legacy_refuse_write() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        IF current_setting('callboard.bridge', true) IS DISTINCT FROM 'on' THEN
            RAISE EXCEPTION '% is read-only since the cutover to Callboard', TG_TABLE_NAME
            USING ERRCODE = 'read_only_sql_transaction';
        END IF;
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_refuse_write()",
)

# By the old table, and through the bridge; null where that has just gone, or somebody holds the old conversation.
SEND_AROUND = (
    f"""
    CREATE FUNCTION legacy_send_around(talk uuid, me uuid, partner uuid, new_message uuid, new_content text)
    RETURNS timestamptz
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        said_at timestamptz;
        old_talk uuid;
        was text;
    BEGIN
        -- The row's lock puts the sends of a conversation in line.
        SELECT greatest(clock_timestamp(), known.last_message_at + interval '1 microsecond') INTO said_at
        FROM public.messaging_conversation known WHERE known.id = talk FOR NO KEY UPDATE;
        old_talk := public.legacy_old_talk(talk);
        was := public.legacy_own_write('on');
        IF NOT public.legacy_enter(old_talk, said_at) THEN
            PERFORM public.legacy_own_write(was);
            RETURN NULL;
        END IF;
        INSERT INTO public.messages (
            id, conversation_id, sender_id, recipient_id, content, message_type, status, moderation_status, is_flagged,
            created_at, updated_at
        ) VALUES (
            new_message, old_talk, me, partner, new_content, 'text', 'sent', 'approved', false, said_at, said_at
        );
        SELECT known.created_at INTO said_at FROM public.messaging_message known WHERE known.id = new_message;
        IF NOT FOUND THEN
            DELETE FROM public.messages WHERE id = new_message;
        END IF;
        PERFORM public.legacy_own_write(was);
        RETURN said_at;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_send_around(uuid, uuid, uuid, uuid, text)",
)
OPEN_AROUND = (
    f"""
    CREATE FUNCTION legacy_open_around(
        me uuid, other uuid, place uuid, request uuid, new_conversation uuid, new_message uuid, new_content text
    ) RETURNS timestamptz
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        talk uuid;
        was CONSTANT text := public.legacy_own_write('on');
        opened_at CONSTANT timestamptz := clock_timestamp();
    BEGIN
        INSERT INTO public.conversations (id, help_request_id, requester_id, helper_id, status, created_at, updated_at)
        VALUES (new_conversation, request, CASE WHEN request IS NULL THEN me ELSE other END,
                CASE WHEN request IS NULL THEN other ELSE me END, 'active', opened_at, opened_at);
        SELECT link.new_id INTO talk FROM public.legacy_link link WHERE link.old_id = new_conversation;
        IF talk IS DISTINCT FROM new_conversation THEN
            DELETE FROM public.conversations WHERE id = new_conversation;
            PERFORM public.legacy_own_write(was);
            RETURN CASE WHEN talk IS NULL THEN public.messaging_open(
                me, ARRAY[other], place, CASE WHEN request IS NULL THEN 'direct' ELSE 'help' END, NULL, request,
                new_conversation, new_message, new_content, false
            ) END;
        END IF;
        PERFORM public.legacy_own_write(was);
        RETURN public.legacy_send_around(talk, me, other, new_message, new_content);
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_open_around(uuid, uuid, uuid, uuid, uuid, uuid, text)",
)

# The table of `legacy.states`, which a test compares.
MOVES = (
    ("detached", "attached"),
    ("attached", "backfilled"),
    ("backfilled", "verified"),
    ("verified", "backfilled"),
    ("verified", "cut_over"),
    ("cut_over", "verified"),
    ("attached", "detached"),
    ("backfilled", "detached"),
    ("verified", "detached"),
    ("cut_over", "retired"),
)
CHECK_MOVE = (
    f"""
    CREATE FUNCTION legacy_check_move() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        IF (OLD.state::text, NEW.state::text) NOT IN ({", ".join(str(move) for move in MOVES)}) THEN
            RAISE check_violation USING MESSAGE = format('the bridge does not go from %s to %s', OLD.state, NEW.state);
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER bridge_moves BEFORE UPDATE ON legacy_bridge
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION legacy_check_move()
    """,
    "DROP FUNCTION IF EXISTS legacy_check_move() CASCADE",
)

FUNCTIONS = {
    "legacy_settle(public.messages, public.messages)": SETTLE,
    "legacy_settle_reading(public.messages)": SETTLE_READING,
    "legacy_settle_debt(uuid)": SETTLE_DEBT,
    "legacy_settle_debts_of(uuid, uuid)": SETTLE_DEBTS_OF,
    "legacy_forget(uuid)": FORGET,
    "legacy_refuse_truncate()": REFUSE_TRUNCATE,
    "legacy_refuse_write()": REFUSE_WRITE,
    "legacy_send_around(uuid, uuid, uuid, uuid, text)": SEND_AROUND,
    "legacy_open_around(uuid, uuid, uuid, uuid, uuid, uuid, text)": OPEN_AROUND,
    "legacy_check_move()": CHECK_MOVE,
}


class Migration(migrations.Migration):
    dependencies = [("legacy", "0003_in_step")]
    operations = _counterparts.closed(FUNCTIONS)
