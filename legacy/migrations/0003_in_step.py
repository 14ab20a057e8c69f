"""What keeps both sides in step. The triggers that call these are made by `manage.py legacy attach`.

**No echo.** Each side's trigger compares the two rows and writes only what differs. What was written over comes back to
a row that is the same already, and ends there; what a trigger of the old system's own makes of it is a difference, and
is taken over in turn. No flag says "this is mine": it would swallow what such a trigger does inside.

**Waits go one way.** An old client holds old rows, and nothing of the new side: what it wrote goes over at the end of
its transaction, when it wants no more rows, and one such end at a time (`legacy_one_at_a_time`). Whoever changes a new
row never waits for an old one: where somebody holds it, that somebody comes to the new row at its end, and takes over
what it finds changed. Who holds an old row without changing it is owed what was passed over (`legacy_debt`).

On the new side a conversation's row is locked before what is in it. So no two ever wait for each other, unless two old
clients want each other's old rows, as they would without a bridge.
"""

from importlib import import_module

from django.db import migrations

_counterparts = import_module("legacy.migrations.0002_counterparts")
PINNED, NOBODY = _counterparts.PINNED, _counterparts.NOBODY
DEFINER = f"LANGUAGE plpgsql SECURITY DEFINER {PINNED}"

# Who deleted an old message, by its two words; null where nobody did. Part of the expression around it.
DELETER = (
    """
    CREATE FUNCTION legacy_deleter(status text, moderation_status text) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
        SELECT CASE WHEN status = 'deleted' THEN 'sender'
                    WHEN moderation_status IN ('removed', 'rejected', 'hidden', 'blocked') THEN 'moderator' END
    $$
    """,
    "DROP FUNCTION IF EXISTS legacy_deleter(text, text)",
)

# A new message that the old side lacks: written there, to the main conversation, as it stands.
TELL = (
    f"""
    CREATE FUNCTION legacy_tell(said public.messaging_message) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        old_talk uuid;
        reader uuid;
        read_when timestamptz;
        was text;
    BEGIN
        SELECT CASE WHEN talk.low_id = said.sender_id THEN talk.high_id ELSE talk.low_id END, link.old_id
        INTO reader, old_talk
        FROM public.messaging_conversation talk
        LEFT JOIN public.legacy_link link ON link.new_id = talk.id AND link.is_main
        WHERE talk.id = said.conversation_id AND talk.kind <> 'group';
        IF NOT FOUND THEN
            RETURN;
        END IF;
        IF old_talk IS NULL THEN
            old_talk := public.legacy_old_talk(said.conversation_id);
        END IF;
        -- What is told late may be passed by a marker in this moment.
        PERFORM FROM public.messaging_participant marker
        WHERE said.created_at < now() AND marker.conversation_id = said.conversation_id AND marker.user_id = reader
        FOR NO KEY UPDATE;
        SELECT marker.read_at INTO read_when FROM public.messaging_participant marker
        WHERE marker.conversation_id = said.conversation_id AND marker.user_id = reader
          AND marker.read_upto >= said.created_at;
        was := public.legacy_own_write('on');
        IF NOT public.legacy_enter(old_talk, said.created_at) THEN
            PERFORM public.legacy_own_write(was);
            INSERT INTO public.legacy_debt (message_id, is_untold) VALUES (said.id, true);
            RETURN;
        END IF;
        INSERT INTO public.messages (
            id, conversation_id, sender_id, recipient_id, content, message_type, status, read_at, moderation_status,
            is_flagged, created_at, updated_at
        ) VALUES (
            said.id, old_talk, said.sender_id, reader, said.content, 'text',
            CASE WHEN said.deleted_by_kind = 'sender' THEN 'deleted' WHEN read_when IS NULL THEN 'sent' ELSE 'read' END,
            read_when, CASE WHEN said.deleted_by_kind = 'moderator' THEN 'removed' ELSE 'approved' END,
            said.deleted_by_kind IS NOT DISTINCT FROM 'moderator', said.created_at, said.created_at
        ) ON CONFLICT (id) DO NOTHING;
        PERFORM public.legacy_own_write(was);
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_tell(public.messaging_message)",
)

# Makes the old message what the new one is, where it is not held by anybody.
MIRROR = (
    f"""
    CREATE FUNCTION legacy_mirror(message uuid) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        said public.messaging_message;
        old public.messages;
        deleter text;
        was text;
    BEGIN
        SELECT known.* INTO said FROM public.messaging_message known WHERE known.id = message;
        SELECT known.* INTO old FROM public.messages known WHERE known.id = message FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            IF EXISTS (SELECT FROM public.messages known WHERE known.id = message) THEN
                INSERT INTO public.legacy_debt (message_id) VALUES (message);
            ELSIF said.held_at IS NULL
              AND NOT EXISTS (SELECT FROM public.legacy_tombstone gone WHERE gone.message_id = message) THEN
                -- Let out just now.
                PERFORM public.legacy_tell(said);
            END IF;
            RETURN;
        END IF;
        deleter := public.legacy_deleter(old.status, old.moderation_status);
        IF said.content <> coalesce(old.content, '') OR said.created_at IS DISTINCT FROM old.created_at
           OR said.deleted_by_kind IS DISTINCT FROM deleter
           OR (said.held_at IS NOT NULL) <> (old.moderation_status IS NOT DISTINCT FROM 'pending') THEN
            was := public.legacy_own_write('on');
            UPDATE public.messages SET
                content = CASE WHEN said.content = coalesce(content, '') THEN content ELSE said.content END,
                created_at = said.created_at,
                status = CASE
                    WHEN said.deleted_by_kind = 'sender' THEN 'deleted'
                    WHEN status = 'deleted' THEN CASE WHEN read_at IS NULL THEN 'sent' ELSE 'read' END
                    ELSE status END,
                moderation_status = CASE
                    WHEN said.held_at IS NOT NULL THEN 'pending'
                    WHEN said.deleted_by_kind = 'moderator' AND deleter IS DISTINCT FROM 'moderator' THEN 'removed'
                    WHEN said.deleted_by_kind IS NULL AND deleter IS NOT DISTINCT FROM 'moderator' THEN 'approved'
                    WHEN moderation_status = 'pending' THEN 'approved'
                    ELSE moderation_status END,
                updated_at = greatest(clock_timestamp(), updated_at)
            WHERE id = message;
            PERFORM public.legacy_own_write(was);
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_mirror(uuid)",
)

# And what is still owed of its conversation: there is hardly ever anything.
SAID = (
    f"""
    CREATE FUNCTION legacy_said() RETURNS trigger {DEFINER} AS $$
    BEGIN
        PERFORM public.legacy_tell(NEW);
        PERFORM public.legacy_settle_debts_of(NEW.conversation_id, NEW.id);
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_said()",
)
CHANGED = (
    f"""
    CREATE FUNCTION legacy_changed() RETURNS trigger {DEFINER} AS $$
    BEGIN
        PERFORM public.legacy_mirror(NEW.id);
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_changed()",
)
# Nothing of Callboard's deletes a message's row; who does it by hand takes the old one along, unless somebody holds it.
GONE = (
    f"""
    CREATE FUNCTION legacy_gone() RETURNS trigger {DEFINER} AS $$
    DECLARE
        was text;
    BEGIN
        PERFORM FROM public.messages known WHERE known.id = OLD.id FOR UPDATE NOWAIT;
        was := public.legacy_own_write('on');
        DELETE FROM public.messages WHERE id = OLD.id;
        PERFORM public.legacy_own_write(was);
        DELETE FROM public.legacy_tombstone WHERE message_id = OLD.id;
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_gone()",
)
# A marker that moved: what it passed over is read on the old side too. By message_conversation_latest, then by the old
# table's primary key; no other index is asked of it.
READ = (
    f"""
    CREATE FUNCTION legacy_read() RETURNS trigger {DEFINER} AS $$
    DECLARE
        passed uuid[];
        was text;
    BEGIN
        IF current_setting('callboard.bridge', true) = 'backfill'
           OR NOT EXISTS (SELECT FROM public.legacy_link link WHERE link.new_id = NEW.conversation_id) THEN
            RETURN NULL;
        END IF;
        SELECT array_agg(said.id) INTO passed FROM public.messaging_message said
        WHERE said.conversation_id = NEW.conversation_id AND said.sender_id <> NEW.user_id
          AND said.created_at <= NEW.read_upto AND said.created_at >= coalesce(OLD.read_upto, '-infinity')
          AND said.held_at IS NULL;
        was := public.legacy_own_write('on');
        UPDATE public.messages SET
            read_at = NEW.read_at,
            status = CASE WHEN status IN ('sent', 'delivered') THEN 'read' ELSE status END,
            updated_at = greatest(clock_timestamp(), updated_at)
        WHERE id IN (
            SELECT free.id FROM public.messages free WHERE free.id = ANY (passed) AND free.read_at IS NULL
            ORDER BY free.id FOR NO KEY UPDATE SKIP LOCKED
        );
        PERFORM public.legacy_own_write(was);
        INSERT INTO public.legacy_debt (message_id)
        SELECT held.id FROM public.messages held WHERE held.id = ANY (passed) AND held.read_at IS NULL;
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_read()",
)

# A message of the old side that the new one lacks: with all that a send writes, at its own time.
TAKE_IN = (
    f"""
    CREATE FUNCTION legacy_take_in(place uuid, old public.messages, said_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        talk uuid;
        author CONSTANT uuid := coalesce(old.sender_id, '{NOBODY}');
        deleter CONSTANT text := public.legacy_deleter(old.status, old.moderation_status);
        is_held CONSTANT boolean := old.moderation_status IS NOT DISTINCT FROM 'pending';
    BEGIN
        talk := public.legacy_new_talk(place, old.conversation_id, old.sender_id, old.recipient_id, said_at, true);
        PERFORM FROM public.messaging_conversation known WHERE known.id = talk FOR NO KEY UPDATE;
        PERFORM public.legacy_person(author);
        INSERT INTO public.messaging_message (
            id, event_id, conversation_id, message_type, sender_id, content, roles, tags, created_at,
            deleted_at, deleted_by_kind, held_at, is_bridged
        ) VALUES (
            old.id, place, talk, 'direct', author, coalesce(old.content, ''), '{{}}', '{{}}', said_at,
            CASE WHEN deleter IS NOT NULL THEN coalesce(public.legacy_time(old.updated_at), said_at) END, deleter,
            CASE WHEN is_held THEN said_at END, true
        ) ON CONFLICT (id) DO NOTHING;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        IF deleter = 'moderator' THEN
            PERFORM public.legacy_note_removal(old.id, old.flagged_reason);
        END IF;
        IF is_held THEN
            INSERT INTO public.messaging_logentry (kind, event_id, user_id, message_id)
            VALUES ('message.created', place, author, old.id);
            RETURN true;
        END IF;
        UPDATE public.messaging_conversation SET last_message_id = old.id, last_message_at = said_at
        WHERE id = talk AND (last_message_id IS NULL OR (last_message_at, last_message_id) < (said_at, old.id));
        INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
        SELECT old.id, reader.user_id, place, author, said_at FROM public.messaging_participant reader
        WHERE reader.conversation_id = talk AND reader.user_id <> author
        ON CONFLICT DO NOTHING;
        INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, message_id)
        VALUES ('message.created', place, talk, old.id);
        RETURN true;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_take_in(uuid, public.messages, timestamptz)",
)

# An old message that has another sender, or belongs to another conversation, than before: so does the new one, and both
# conversations show what was said last in them.
MOVE = (
    f"""
    CREATE FUNCTION legacy_move(old public.messages) RETURNS boolean
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        said public.messaging_message;
        talk uuid;
        author CONSTANT uuid := coalesce(old.sender_id, '{NOBODY}');
    BEGIN
        PERFORM public.legacy_in_line(old.id);
        SELECT known.* INTO said FROM public.messaging_message known WHERE known.id = old.id FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        talk := public.legacy_new_talk(
            said.event_id, old.conversation_id, old.sender_id, old.recipient_id, said.created_at, true
        );
        IF said.conversation_id = talk AND said.sender_id = author THEN
            RETURN false;
        END IF;
        PERFORM public.legacy_person(author);
        UPDATE public.messaging_message SET conversation_id = talk, sender_id = author, is_bridged = true
        WHERE id = old.id;
        DELETE FROM public.messaging_delivery WHERE message_id = old.id;
        INSERT INTO public.messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at)
        SELECT old.id, reader.user_id, said.event_id, author, said.created_at
        FROM public.messaging_participant reader
        WHERE reader.conversation_id = talk AND reader.user_id <> author AND said.held_at IS NULL;
        -- By message_conversation_latest.
        UPDATE public.messaging_conversation shown SET
            last_message_id = latest.id, last_message_at = coalesce(latest.created_at, shown.last_message_at)
        FROM (
            SELECT few.id AS talk FROM public.messaging_conversation few WHERE few.id IN (talk, said.conversation_id)
            ORDER BY few.id FOR NO KEY UPDATE
        ) both_of_them LEFT JOIN LATERAL (
            SELECT message.id, message.created_at FROM public.messaging_message message
            WHERE message.conversation_id = both_of_them.talk AND message.held_at IS NULL
            ORDER BY message.created_at DESC, message.id DESC LIMIT 1
        ) latest ON true
        WHERE shown.id = both_of_them.talk AND shown.last_message_id IS DISTINCT FROM latest.id;
        INSERT INTO public.messaging_logentry (kind, event_id, conversation_id, user_id, message_id)
        VALUES ('message.updated', said.event_id, CASE WHEN said.held_at IS NULL THEN talk END,
                CASE WHEN said.held_at IS NOT NULL THEN author END, old.id);
        RETURN true;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_move(public.messages)",
)

# Before anything that is in a conversation, its row: the order in which all who write take them.
IN_LINE = (
    f"""
    CREATE FUNCTION legacy_in_line(message uuid) RETURNS uuid
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        found_talk uuid;
    BEGIN
        SELECT talk.id INTO found_talk FROM public.messaging_conversation talk
        WHERE talk.id = (SELECT said.conversation_id FROM public.messaging_message said WHERE said.id = message)
          AND talk.kind <> 'group'
        FOR NO KEY UPDATE;
        RETURN found_talk;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_in_line(uuid)",
)

# The same for one message, with its row.
HOLD = (
    f"""
    CREATE FUNCTION legacy_hold(message uuid) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        PERFORM public.legacy_in_line(message);
        PERFORM FROM public.messaging_message said WHERE said.id = message FOR NO KEY UPDATE;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_hold(uuid)",
)

# Ends of old clients' transactions, and what is written for many conversations at once: one after the other. Who has
# this waits for no old row. Sends of Callboard's are of one conversation, and do without.
ONE_AT_A_TIME = (
    f"""
    CREATE FUNCTION legacy_one_at_a_time() RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('callboard:legacy', 0));
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_one_at_a_time()",
)

# A debt that is settled. One that somebody else has in hand is theirs to take away: nobody waits for it.
FORGIVE = (
    f"""
    CREATE FUNCTION legacy_forgive(message uuid) RETURNS void
    LANGUAGE sql {PINNED} AS $$
        DELETE FROM public.legacy_debt owed WHERE owed.ctid = ANY (ARRAY(
            SELECT known.ctid FROM public.legacy_debt known WHERE known.message_id = message FOR UPDATE SKIP LOCKED
        ))
    $$
    """,
    "DROP FUNCTION IF EXISTS legacy_forgive(uuid)",
)

# The old side does not say who removed it.
NOTE_REMOVAL = (
    f"""
    CREATE FUNCTION legacy_note_removal(message uuid, given_reason text) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        INSERT INTO public.messaging_removal (id, message_id, moderator_id, reason)
        VALUES (gen_random_uuid(), message, '{NOBODY}',
                coalesce(nullif(given_reason, ''), 'Removed in the old messenger.'))
        ON CONFLICT DO NOTHING;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_note_removal(uuid, text)",
)

FUNCTIONS = {
    "legacy_deleter(text, text)": DELETER,
    "legacy_note_removal(uuid, text)": NOTE_REMOVAL,
    "legacy_tell(public.messaging_message)": TELL,
    "legacy_mirror(uuid)": MIRROR,
    "legacy_take_in(uuid, public.messages, timestamptz)": TAKE_IN,
    "legacy_move(public.messages)": MOVE,
    "legacy_forgive(uuid)": FORGIVE,
    "legacy_in_line(uuid)": IN_LINE,
    "legacy_hold(uuid)": HOLD,
    "legacy_one_at_a_time()": ONE_AT_A_TIME,
    "legacy_said()": SAID,
    "legacy_changed()": CHANGED,
    "legacy_gone()": GONE,
    "legacy_read()": READ,
}


class Migration(migrations.Migration):
    dependencies = [("legacy", "0002_counterparts")]
    operations = _counterparts.closed(FUNCTIONS)
