"""The old side's triggers: for an old client at the end of its transaction, for the bridge's own writes at once.

**At the end**, as what an old client did is then known whole, and it waits for no old row any more while it has the new
side in hand. What a row was before comes from the trigger, what it is from the table: several changes of one row are
one. Ends stand in line, so that each sees what those before it have left: also to whom a conversation belongs.

**At once**, what is written for one of Callboard's calls: a row that says the same already is left alone, without any
lock.
"""

from importlib import import_module

from django.db import migrations

_counterparts = import_module("legacy.migrations.0002_counterparts")
DEFINER = f"LANGUAGE plpgsql SECURITY DEFINER {_counterparts.PINNED}"
PINNED = _counterparts.PINNED

# Whether the new message says what the old one does; where it is, is not asked.
IS_SAME = (
    f"""
    CREATE FUNCTION legacy_is_same(said public.messaging_message, old public.messages) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE {PINNED} AS $$
    BEGIN
        RETURN said.content = coalesce(old.content, '') AND said.created_at IS NOT DISTINCT FROM old.created_at
           AND said.deleted_by_kind IS NOT DISTINCT FROM public.legacy_deleter(old.status, old.moderation_status)
           AND (said.held_at IS NOT NULL) = (old.moderation_status IS NOT DISTINCT FROM 'pending');
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_is_same(public.messaging_message, public.messages)",
)

# What an old message has become. `was` is null where it is new.
TAKE_OVER = (
    f"""
    CREATE FUNCTION legacy_take_over(place uuid, was public.messages, old public.messages) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        said public.messaging_message;
        said_at timestamptz;
        talk uuid;
        is_new CONSTANT boolean := was.id IS NULL;
        is_moved boolean;
    BEGIN
        SELECT known.* INTO said FROM public.messaging_message known WHERE known.id = old.id;
        IF NOT FOUND THEN
            said_at := coalesce(
                public.legacy_time(old.created_at), public.legacy_time(old.updated_at), clock_timestamp()
            );
            IF public.legacy_take_in(place, old, said_at) THEN
                IF old.created_at IS DISTINCT FROM said_at THEN
                    PERFORM public.legacy_mirror(old.id);
                END IF;
                PERFORM public.legacy_settle_reading(old);
                PERFORM public.legacy_settle_debts_of(known.conversation_id, old.id)
                FROM public.messaging_message known WHERE known.id = old.id;
                RETURN;
            END IF;
            -- The backfill was first.
            SELECT known.* INTO said FROM public.messaging_message known WHERE known.id = old.id;
        ELSIF is_new AND public.legacy_is_same(said, old) THEN
            -- What came from over there.
            RETURN;
        END IF;
        talk := public.legacy_in_line(old.id);
        IF said.event_id <> place OR talk IS NULL THEN
            RAISE unique_violation USING MESSAGE = 'another message of Callboard has this id';
        END IF;
        PERFORM public.legacy_settle_debts_of(talk, old.id);
        IF is_new THEN
            DELETE FROM public.legacy_tombstone WHERE message_id = old.id;
        END IF;
        is_moved := is_new OR (was.conversation_id, was.sender_id, was.recipient_id)
            IS DISTINCT FROM (old.conversation_id, old.sender_id, old.recipient_id);
        PERFORM public.legacy_settle(was, old);
        IF is_moved THEN
            PERFORM public.legacy_move(old);
        END IF;
        -- Also what was read once and is let out now: it is the latest that was read.
        IF is_moved OR old.read_at IS NULL OR was.read_at IS NULL
           OR (was.created_at, was.moderation_status) IS DISTINCT FROM (old.created_at, old.moderation_status) THEN
            PERFORM public.legacy_settle_reading(old);
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_take_over(uuid, public.messages, public.messages)",
)

# By the old table's primary key.
OLD_MESSAGE = (
    f"""
    CREATE FUNCTION legacy_old_message() RETURNS trigger {DEFINER} AS $$
    DECLARE
        was public.messages;
        now public.messages;
    BEGIN
        PERFORM public.legacy_one_at_a_time();
        IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND OLD.id <> NEW.id THEN
            PERFORM public.legacy_forget(OLD.id)
            WHERE NOT EXISTS (SELECT FROM public.messages known WHERE known.id = OLD.id);
        ELSIF TG_OP = 'UPDATE' THEN
            was := OLD;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            SELECT known.* INTO now FROM public.messages known WHERE known.id = NEW.id;
            IF FOUND THEN
                PERFORM public.legacy_take_over(TG_ARGV[0]::uuid, was, now);
            END IF;
        END IF;
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_old_message()",
)

# A trigger of the old system's own may have changed what the bridge writes.
OWN_MESSAGE = (
    f"""
    CREATE FUNCTION legacy_own_message() RETURNS trigger {DEFINER} AS $$
    DECLARE
        was public.messages;
    BEGIN
        IF TG_OP = 'DELETE' THEN
            PERFORM public.legacy_forget(OLD.id);
            RETURN NULL;
        ELSIF TG_OP = 'UPDATE' THEN
            was := OLD;
            PERFORM FROM public.messaging_message said
            WHERE said.id = NEW.id AND public.legacy_is_same(said, NEW)
              AND (OLD.conversation_id, OLD.sender_id, OLD.recipient_id)
                  IS NOT DISTINCT FROM (NEW.conversation_id, NEW.sender_id, NEW.recipient_id);
            IF FOUND THEN
                RETURN NULL;
            END IF;
        END IF;
        PERFORM public.legacy_take_over(TG_ARGV[0]::uuid, was, NEW);
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_own_message()",
)

# Several changes of one are one here, too: it goes by the people whom it has now.
OLD_CONVERSATION = (
    f"""
    CREATE FUNCTION legacy_old_conversation() RETURNS trigger {DEFINER} AS $$
    DECLARE
        is_own CONSTANT boolean := coalesce(current_setting('callboard.bridge', true), '') <> '';
        parted uuid;
        said public.messages;
    BEGIN
        IF NOT is_own THEN
            PERFORM public.legacy_one_at_a_time();
        END IF;
        IF TG_OP <> 'INSERT' THEN
            SELECT link.new_id INTO parted FROM public.legacy_link link WHERE link.old_id = OLD.id;
            PERFORM FROM public.messaging_conversation known WHERE known.id = parted FOR NO KEY UPDATE;
            DELETE FROM public.legacy_link WHERE old_id = OLD.id;
            UPDATE public.legacy_link SET is_main = true
            WHERE old_id = (SELECT min(next.old_id::text)::uuid FROM public.legacy_link next WHERE next.new_id = parted)
              AND NOT EXISTS (SELECT FROM public.legacy_link main WHERE main.new_id = parted AND main.is_main);
        END IF;
        IF TG_OP <> 'DELETE' THEN
            PERFORM public.legacy_new_talk(TG_ARGV[0]::uuid, known.id, NULL, NULL, clock_timestamp(), true)
            FROM public.conversations known WHERE known.id = NEW.id;
        END IF;
        -- What is said in it goes where it went. Without an index of the old table's: so not for the bridge's own.
        IF TG_OP <> 'INSERT' AND NOT is_own THEN
            FOR said IN
                SELECT known.* FROM public.messages known
                WHERE known.conversation_id IN (OLD.id, CASE WHEN TG_OP <> 'DELETE' THEN NEW.id END)
            LOOP
                IF public.legacy_move(said) THEN
                    PERFORM public.legacy_settle_reading(said);
                END IF;
            END LOOP;
            PERFORM public.legacy_settle_debts_of(parted, NULL);
        END IF;
        RETURN NULL;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_old_conversation()",
)

FUNCTIONS = {
    "legacy_is_same(public.messaging_message, public.messages)": IS_SAME,
    "legacy_take_over(uuid, public.messages, public.messages)": TAKE_OVER,
    "legacy_old_message()": OLD_MESSAGE,
    "legacy_own_message()": OWN_MESSAGE,
    "legacy_old_conversation()": OLD_CONVERSATION,
}


# Where the migrations before this one ran in an earlier form.
_BEFORE = [_counterparts, *(import_module(f"legacy.migrations.{name}") for name in ("0003_in_step", "0004_old_side"))]
_STALE = ("legacy_own_write(boolean)", "legacy_old_message()", "legacy_old_conversation()")
ANEW = (
    [
        migrations.RunSQL(
            [
                """
                DO $$ BEGIN
                    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'legacy_message_in_step') AND NOT EXISTS (
                        SELECT FROM pg_trigger WHERE tgname = 'legacy_message_followed'
                    ) THEN
                        RAISE EXCEPTION 'The bridge is attached in its earlier form. With the release before this one:'
                            ' manage.py legacy rollback until it is detached; then migrate, attach and backfill again.';
                    END IF;
                END $$
                """,
                "ALTER TABLE legacy_debt ADD COLUMN IF NOT EXISTS is_untold boolean NOT NULL DEFAULT false",
                "ALTER TABLE legacy_debt DROP CONSTRAINT IF EXISTS legacy_debt_pkey",
                "CREATE INDEX IF NOT EXISTS legacy_debt_message ON legacy_debt (message_id)",
            ],
            migrations.RunSQL.noop,
        )
    ]
    + [migrations.RunSQL(f"DROP FUNCTION IF EXISTS {name}", migrations.RunSQL.noop) for name in _STALE]
    + [
        migrations.RunSQL(
            [
                forwards.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
                f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
            ],
            migrations.RunSQL.noop,
        )
        for module in _BEFORE
        for name, (forwards, _) in module.FUNCTIONS.items()
        if name != "legacy_check_move()"
    ]
)


class Migration(migrations.Migration):
    dependencies = [("legacy", "0004_old_side"), ("messaging", "0018_in_line")]
    operations = ANEW + _counterparts.closed(FUNCTIONS)
