"""Who and what stands on the other side for a person or a conversation of this one; made where nothing does.

A message has the same id on both sides, and needs no look-up. All of these are the owner's.
"""

from django.db import migrations

# Where the old side names nobody, or one person twice.
NOBODY = "00000000-0000-8000-8000-000000000001"
NOBODY_ELSE = "00000000-0000-8000-8000-000000000002"
PINNED = "SET search_path = pg_catalog, public, pg_temp"

# The old side's columns take any time. One that cannot be (infinite, before there were computers' clocks, more than a
# day ahead) is as good as none: it would stand before or after everything for ever, or be no date at all.
TIME = (
    """
    CREATE FUNCTION legacy_time(told timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
        SELECT CASE WHEN told >= timestamptz 'epoch' AND told <= now() + interval '1 day' THEN told END
    $$
    """,
    "DROP FUNCTION IF EXISTS legacy_time(timestamptz)",
)

PAIR = (
    f"""
    CREATE FUNCTION legacy_pair(INOUT one uuid, INOUT other uuid)
    LANGUAGE plpgsql IMMUTABLE {PINNED} AS $$
    BEGIN
        one := coalesce(one, '{NOBODY}');
        other := coalesce(other, '{NOBODY}');
        IF one = other THEN
            other := CASE WHEN one = '{NOBODY}' THEN '{NOBODY_ELSE}'::uuid ELSE '{NOBODY}'::uuid END;
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_pair(uuid, uuid)",
)

# A placeholder is there to be named, and for nothing else: it signs in nowhere and is no member of anything.
PERSON = (
    f"""
    CREATE FUNCTION legacy_person(person uuid) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM public.accounts_user known WHERE known.id = person) THEN
            INSERT INTO public.accounts_user (
                id, password, is_superuser, username, name, is_active, is_staff, created_at
            ) VALUES (person, '!', false, 'legacy-' || person, 'Former member', false, false, clock_timestamp())
            ON CONFLICT DO NOTHING;
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_person(uuid)",
)

REQUEST = (
    f"""
    CREATE FUNCTION legacy_request(place uuid, request uuid, asker uuid, asked_at timestamptz) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        -- Closed: nobody is invited to offer help with what nobody here knows.
        INSERT INTO public.events_helprequest (id, event_id, requester_id, title, details, status, created_at)
        SELECT request, place, asker, 'Help request', 'Taken over from the old messenger.', 'closed', asked_at
        WHERE NOT EXISTS (SELECT FROM public.events_helprequest known WHERE known.id = request)
        ON CONFLICT DO NOTHING;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_request(uuid, uuid, uuid, timestamptz)",
)

# The conversation of this pair, or of this helper about this request; a new one, under this id if it is free, where
# there is none. By conversation_pair_unique and conversation_helper_unique, which also settle who comes first.
TALK = (
    f"""
    CREATE FUNCTION legacy_talk(
        place uuid, wished uuid, request uuid, asker uuid, helper uuid, begun_at timestamptz, is_told boolean
    ) RETURNS uuid
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        maker uuid;
        partner uuid;
        counterpart uuid;
    BEGIN
        SELECT pair.one, pair.other INTO maker, partner FROM public.legacy_pair(asker, helper) pair;
        IF request IS NOT NULL THEN
            SELECT partner, maker INTO maker, partner;
        END IF;
        FOR attempt IN 1..3 LOOP
            SELECT talk.id INTO counterpart FROM public.messaging_conversation talk
            WHERE request IS NULL AND talk.event_id = place AND talk.kind = 'direct'
              AND talk.low_id = least(maker, partner) AND talk.high_id = greatest(maker, partner);
            IF request IS NOT NULL THEN
                SELECT talk.id INTO counterpart FROM public.messaging_conversation talk
                WHERE talk.kind = 'help' AND talk.help_request_id = request AND talk.maker_id = maker;
            END IF;
            IF counterpart IS NOT NULL THEN
                RETURN counterpart;
            END IF;
            PERFORM public.legacy_person(maker), public.legacy_person(partner);
            IF request IS NOT NULL THEN
                PERFORM public.legacy_request(place, request, partner, begun_at);
            END IF;
            INSERT INTO public.messaging_conversation (
                id, event_id, kind, help_request_id, maker_id, low_id, high_id, created_at, last_message_at
            ) VALUES (
                CASE WHEN attempt = 1 THEN coalesce(wished, gen_random_uuid()) ELSE gen_random_uuid() END,
                place, CASE WHEN request IS NULL THEN 'direct' ELSE 'help' END, request,
                maker, least(maker, partner), greatest(maker, partner), begun_at, begun_at
            ) ON CONFLICT DO NOTHING RETURNING id INTO counterpart;
            IF counterpart IS NOT NULL THEN
                INSERT INTO public.messaging_participant (conversation_id, user_id, joined_at)
                VALUES (counterpart, maker, begun_at), (counterpart, partner, begun_at);
                IF is_told THEN
                    INSERT INTO public.messaging_logentry (kind, event_id, conversation_id)
                    VALUES ('conversation.created', place, counterpart);
                END IF;
                RETURN counterpart;
            END IF;
        END LOOP;
        RAISE EXCEPTION 'no conversation could be made for the old one %', wished;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_talk(uuid, uuid, uuid, uuid, uuid, timestamptz, boolean)",
)

# The first old conversation of a new one is the main one. Two at once: the second finds the place taken. What a new
# conversation is tied to changes under its row's lock alone: whoever sends in it has that, and waits here for nobody.
TIE = (
    f"""
    CREATE FUNCTION legacy_tie(old_talk uuid, new_talk uuid) RETURNS void
    LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        PERFORM FROM public.messaging_conversation known WHERE known.id = new_talk FOR NO KEY UPDATE;
        INSERT INTO public.legacy_link (old_id, new_id, is_main) VALUES (old_talk, new_talk, true)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            INSERT INTO public.legacy_link (old_id, new_id, is_main) VALUES (old_talk, new_talk, false)
            ON CONFLICT DO NOTHING;
        END IF;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_tie(uuid, uuid)",
)

# Where an old message belongs: with its conversation, or, where it names none that there is, with its two people.
NEW_TALK = (
    f"""
    CREATE FUNCTION legacy_new_talk(
        place uuid, old_talk uuid, sender uuid, recipient uuid, said_at timestamptz, is_told boolean
    ) RETURNS uuid
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        counterpart uuid;
        old public.conversations;
    BEGIN
        SELECT link.new_id INTO counterpart FROM public.legacy_link link WHERE link.old_id = old_talk;
        IF counterpart IS NULL THEN
            SELECT known.* INTO old FROM public.conversations known WHERE known.id = old_talk;
            IF FOUND THEN
                counterpart := public.legacy_talk(
                    place, old.id, old.help_request_id, old.requester_id, old.helper_id,
                    coalesce(public.legacy_time(old.created_at), said_at), is_told
                );
                PERFORM public.legacy_tie(old.id, counterpart);
            ELSE
                counterpart := public.legacy_talk(place, NULL, NULL, sender, recipient, said_at, is_told);
            END IF;
        END IF;
        RETURN counterpart;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_new_talk(uuid, uuid, uuid, uuid, timestamptz, boolean)",
)

# The bridge's own writes say that they are, and what they said before is said again behind them. Nothing is kept from
# anybody by it: it tells an old client that still writes from what keeps the old side readable.
OWN_WRITE = (
    f"""
    CREATE FUNCTION legacy_own_write(whose text) RETURNS text
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        before CONSTANT text := coalesce(current_setting('callboard.bridge', true), '');
    BEGIN
        PERFORM set_config('callboard.bridge', whose, true);
        RETURN before;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_own_write(text)",
)

# Before the bridge writes a message to an old conversation it has that row, and it never waits for it: what stands on
# the message (a reference, a trigger of the old system's own) would wait there, with the new side in hand. The old
# client's list is by the time that it leaves.
ENTER = (
    f"""
    CREATE FUNCTION legacy_enter(old_talk uuid, said_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql {PINNED} AS $$
    BEGIN
        UPDATE public.conversations old SET updated_at = greatest(old.updated_at, said_at)
        WHERE old.id = (
            SELECT free.id FROM public.conversations free WHERE free.id = old_talk FOR NO KEY UPDATE SKIP LOCKED
        );
        RETURN FOUND OR NOT EXISTS (SELECT FROM public.conversations held WHERE held.id = old_talk);
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_enter(uuid, timestamptz)",
)

# The old conversation to which a new one writes; a new one, under the same id if it is free, where there is none. The
# link goes first, so that the trigger behind it finds that there is nothing to do.
OLD_TALK = (
    f"""
    CREATE FUNCTION legacy_old_talk(talk uuid) RETURNS uuid
    LANGUAGE plpgsql {PINNED} AS $$
    DECLARE
        counterpart uuid;
        new public.messaging_conversation;
        other uuid;
        was text;
    BEGIN
        SELECT link.old_id INTO counterpart FROM public.legacy_link link WHERE link.new_id = talk AND link.is_main;
        IF counterpart IS NOT NULL THEN
            RETURN counterpart;
        END IF;
        SELECT known.* INTO new FROM public.messaging_conversation known WHERE known.id = talk;
        other := CASE WHEN new.low_id = new.maker_id THEN new.high_id ELSE new.low_id END;
        -- The old one of this id may have been given to other people.
        counterpart := CASE
            WHEN EXISTS (SELECT FROM public.legacy_link link WHERE link.old_id = talk)
              OR EXISTS (SELECT FROM public.conversations known WHERE known.id = talk) THEN gen_random_uuid()
            ELSE talk END;
        PERFORM public.legacy_tie(counterpart, talk);
        was := public.legacy_own_write('on');
        INSERT INTO public.conversations (id, help_request_id, requester_id, helper_id, status, created_at, updated_at)
        SELECT counterpart, new.help_request_id,
               CASE WHEN new.help_request_id IS NULL THEN new.maker_id ELSE other END,
               CASE WHEN new.help_request_id IS NULL THEN other ELSE new.maker_id END,
               'active', new.created_at, new.created_at
        ON CONFLICT DO NOTHING;
        PERFORM public.legacy_own_write(was);
        RETURN counterpart;
    END $$
    """,
    "DROP FUNCTION IF EXISTS legacy_old_talk(uuid)",
)

FUNCTIONS = {
    "legacy_time(timestamptz)": TIME,
    "legacy_pair(uuid, uuid)": PAIR,
    "legacy_person(uuid)": PERSON,
    "legacy_request(uuid, uuid, uuid, timestamptz)": REQUEST,
    "legacy_talk(uuid, uuid, uuid, uuid, uuid, timestamptz, boolean)": TALK,
    "legacy_tie(uuid, uuid)": TIE,
    "legacy_new_talk(uuid, uuid, uuid, uuid, timestamptz, boolean)": NEW_TALK,
    "legacy_own_write(text)": OWN_WRITE,
    "legacy_enter(uuid, timestamptz)": ENTER,
    "legacy_old_talk(uuid)": OLD_TALK,
}


def closed(functions: dict[str, tuple[str, str]]) -> list[migrations.RunSQL]:
    """Made, and callable by nobody but the owner."""
    return [
        migrations.RunSQL([forwards, f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"], backwards)
        for name, (forwards, backwards) in functions.items()
    ]


class Migration(migrations.Migration):
    dependencies = [("legacy", "0001_old_tables")]
    operations = closed(FUNCTIONS)
