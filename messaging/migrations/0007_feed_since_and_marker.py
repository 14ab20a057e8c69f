"""What has been said since a message, in the order of the log; the feed's marker, and what is unread after it."""

from importlib import import_module

from django.db import migrations

_feed = import_module("messaging.migrations.0006_feed")
DEFINER, ITEM, KIND, MEMBERSHIP = _feed.DEFINER, _feed.ITEM, _feed.KIND, _feed.MEMBERSHIP

# Where somebody begins who has seen this message: at the oldest transaction that was still running when it was
# written. Whatever was not yet to be seen then comes after that. Null where the log does not reach back to it.
SEEN_FROM = """
    (SELECT min(said.horizon) FROM public.messaging_logentry said
     WHERE said.message_id = after AND said.kind = 'message.created')
"""

# A row of the log by which a message enters the feed of `me`, by either model. One's own enters when it is said, also
# where it is held; under v1 a message at large with the delivery, the log's range of people saying which.
ENTERS = """
    CASE
        WHEN said.sender_id = me THEN {log}.kind = 'message.created'
        WHEN said.conversation_id IS NOT NULL OR model = 'v2' THEN {log}.kind = 'message.created'
        ELSE {log}.kind = 'message.delivered'
             AND me > ({log}.data ->> 'after')::uuid AND me <= ({log}.data ->> 'upto')::uuid
    END
"""

IS_MINE = """
    (said.sender_id = me OR said.held_at IS NULL AND CASE
        WHEN said.conversation_id IS NULL AND model = 'v2' THEN
            (said.roles = '{}' OR my_role = ANY (said.roles)) AND (said.tags = '{}' OR my_tags && said.tags)
        ELSE EXISTS (
            SELECT FROM public.messaging_delivery handed WHERE handed.message_id = said.id AND handed.user_id = me
        )
    END)
"""

# `seen` is the snapshot in which a walk began: what has committed since is left for the next walk, so that no page
# passes over what comes late. Its first number is where the future began, the others were still running.
WAS_THERE = "(seen IS NULL OR {log}.xid < seen[1] AND {log}.xid <> ALL (seen[2:]) OR {log}.xid = this_transaction)"


def older_first(source: str, moment: str, message: str) -> str:
    """The next of a source that the log does not know, oldest first; each a range of an index, read forwards."""
    return f"""
        (SELECT {moment} AS at, {message} AS message_id {source}
           AND ({moment}, {message}) > (from_at, from_message)
           AND NOT EXISTS (
               SELECT FROM public.messaging_logentry told
               WHERE told.message_id = {message} AND told.kind = 'message.created'
           )
         ORDER BY {moment}, {message}
         LIMIT most)
    """  # noqa: S608


OWN = """
    FROM public.messaging_message said WHERE said.event_id = place AND said.sender_id = me
"""
HANDED = """
    FROM public.messaging_delivery handed
    JOIN public.messaging_message said ON said.id = handed.message_id AND said.held_at IS NULL
    WHERE handed.user_id = me AND handed.event_id = place AND handed.is_at_large = {is_at_large} AND {condition}
"""
CONCERNING = """
    FROM unnest(ARRAY['', my_role]) AS named (role)
    CROSS JOIN LATERAL unnest(array_prepend('', my_tags)) AS shared (tag)
    CROSS JOIN LATERAL (
        SELECT addressee.created_at, addressee.message_id FROM public.messaging_addressee addressee
        WHERE addressee.event_id = place AND addressee.role = named.role AND addressee.tag = shared.tag
          AND (addressee.created_at, addressee.message_id) > (from_at, from_message)
        ORDER BY addressee.created_at, addressee.message_id
        LIMIT most
    ) concerning WHERE model = 'v2'
"""

# Messages that entered the asking person's feed after a place in the log, in its order, with their places. What the
# log does not know (any more) stands before everything in it, by its time.
FEED_ENTRIES = (
    f"""
    CREATE FUNCTION feed_entries(
        place uuid, model text, after uuid, from_xid bigint, from_id bigint, from_at timestamptz, from_message uuid,
        seen bigint[], most integer
    ) RETURNS TABLE (xid bigint, id bigint, at timestamptz, message_id uuid)
    LANGUAGE plpgsql STABLE ROWS 50 {DEFINER} AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        this_transaction CONSTANT bigint := coalesce(pg_current_xact_id_if_assigned()::text::bigint, 0);
        my_role text;
        my_tags text[];
        taken integer;
    BEGIN
        SELECT mine.role::text, mine.tags::text[] INTO my_role, my_tags FROM public.events_membership mine
        WHERE mine.event_id = place AND mine.user_id = me AND mine.removed_at IS NULL;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        IF from_xid IS NULL THEN
            from_xid := coalesce({SEEN_FROM}, 0);
            from_id := 0;
            SELECT said.created_at, said.id INTO from_at, from_message
            FROM public.messaging_message said WHERE said.id = after;
        END IF;
        IF from_xid = 0 AND from_id = 0 THEN
            RETURN QUERY
            SELECT DISTINCT 0::bigint, 0::bigint, old.at, old.message_id
            FROM ({
        " UNION ALL ".join(
            [
                older_first(OWN, "said.created_at", "said.id"),
                older_first(
                    HANDED.format(is_at_large="false", condition="true"), "handed.message_created_at", "said.id"
                ),
                older_first(
                    HANDED.format(is_at_large="true", condition="model = 'v1'"), "handed.message_created_at", "said.id"
                ),
                older_first(CONCERNING, "concerning.created_at", "concerning.message_id"),
            ]
        )
    }) old
            ORDER BY old.at, old.message_id
            LIMIT most;
            GET DIAGNOSTICS taken = ROW_COUNT;
            most := most - taken;
        END IF;
        IF most > 0 THEN
            RETURN QUERY
            SELECT log.xid, log.id, said.created_at, said.id
            FROM public.messaging_logentry log
            JOIN public.messaging_message said ON said.id = log.message_id
            WHERE log.event_id = place AND (log.xid, log.id) > (from_xid, from_id)
              AND log.kind IN ('message.created', 'message.delivered') AND said.id <> after
              AND {WAS_THERE.format(log="log")} AND {ENTERS.format(log="log")} AND {IS_MINE}
              -- Let out again, or handed to some once more: where it stands last.
              AND NOT EXISTS (
                  SELECT FROM public.messaging_logentry again
                  WHERE again.message_id = log.message_id AND (again.xid, again.id) > (log.xid, log.id)
                    AND {WAS_THERE.format(log="again")} AND {ENTERS.format(log="again")}
              )
            ORDER BY log.xid, log.id
            LIMIT most;
        END IF;
    END $$
    """,  # noqa: S608
    "DROP FUNCTION feed_entries(uuid, text, uuid, bigint, bigint, timestamptz, uuid, bigint[], integer)",
)

# Whether a message is in the person's feed by either model: which of the two is live may change between two calls.
IN_MY_FEED = """
    EXISTS (
        SELECT FROM public.messaging_message said
        WHERE said.id = {message} AND said.event_id = place AND (
            said.sender_id = public.callboard_uid() OR said.conversation_id IS NULL OR EXISTS (
                SELECT FROM public.messaging_delivery handed
                WHERE handed.message_id = said.id AND handed.user_id = public.callboard_uid()
            )
        )
    )
"""

FEED_SINCE = _feed.with_its_twin(
    "feed_since",
    {
        "place": "uuid",
        "named": "text",
        "after": "uuid",
        "from_xid": "bigint",
        "from_id": "bigint",
        "from_at": "timestamptz",
        "from_message": "uuid",
        "seen": "bigint[]",
        "page": "integer",
        "wording": "text[]",
    },
    {
        "is_member": "boolean",
        "is_found": "boolean",
        "read_model": "text",
        "items": "text",
        "kinds": "text",
        "next_xid": "bigint",
        "next_id": "bigint",
        "next_at": "timestamptz",
        "next_message": "uuid",
        "next_seen": "bigint[]",
    },
    f"LANGUAGE plpgsql STABLE {_feed.INDEX_SCANS_ONLY}",
    f"""
    #variable_conflict use_column
    DECLARE
        joined timestamptz;
        has_more boolean;
    BEGIN
        {MEMBERSHIP}
        is_found := from_xid IS NOT NULL OR {IN_MY_FEED.format(message="after")};
        IF NOT is_found THEN
            RETURN;
        END IF;
        SELECT string_agg({ITEM}, ',') FILTER (WHERE item.number <= page),
               string_agg({KIND}, '') FILTER (WHERE item.number <= page),
               count(*) > page,
               max(item.xid) FILTER (WHERE item.number = page), max(item.id) FILTER (WHERE item.number = page),
               max(item.at) FILTER (WHERE item.number = page),
               (array_agg(item.message_id) FILTER (WHERE item.number = page))[1]
        INTO items, kinds, has_more, next_xid, next_id, next_at, next_message
        FROM (
            SELECT entry.*, said.conversation_id, said.content, said.created_at, said.sender_id,
                   sender.name::text AS sender_name, sender.avatar_url::text AS sender_avatar_url,
                   said.message_type::text, said.tags AS channel_tags, said.deleted_by_kind::text,
                   row_number() OVER (ORDER BY entry.xid, entry.id, entry.at, entry.message_id) AS number,
                   CASE WHEN said.sender_id = public.callboard_uid() THEN 'own'
                        WHEN said.conversation_id IS NULL AND read_model = 'v2' THEN 'message'
                        ELSE 'delivery' END AS source,
                   CASE WHEN said.sender_id = public.callboard_uid() THEN 'sent' ELSE coalesce((
                       SELECT texted.sms_status FROM public.messaging_delivery texted
                       WHERE texted.message_id = said.id AND texted.user_id = (SELECT public.callboard_uid())
                         AND texted.sms_status IS NOT NULL
                   ), 'delivered') END AS delivery_status
            FROM public.feed_entries(
                place, read_model, after, from_xid, from_id, from_at, from_message, seen, page + 1
            ) entry
            JOIN public.messaging_message said ON said.id = entry.message_id
            LEFT JOIN public.accounts_user sender ON sender.id = said.sender_id
        ) item;
        IF has_more THEN
            next_seen := coalesce(seen, (
                SELECT array_prepend(pg_snapshot_xmax(now_seen)::text::bigint, ARRAY(
                    SELECT running::text::bigint FROM pg_snapshot_xip(now_seen) AS running
                )) FROM pg_current_snapshot() AS now_seen
            ));
        ELSE
            next_xid := NULL;
        END IF;
    END
    """,  # noqa: S608
)

# The marker moves forward only; the message must be one of this feed.
FEED_MARK_READ = (
    f"""
    CREATE FUNCTION feed_mark_read(place uuid, read_message uuid, OUT is_member boolean, OUT is_found boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        model text := 'v2';
        my_role text;
        my_tags text[];
        said_at timestamptz;
    BEGIN
        SELECT mine.role::text, mine.tags::text[] INTO my_role, my_tags FROM public.events_membership mine
        WHERE mine.event_id = place AND mine.user_id = me AND mine.removed_at IS NULL;
        is_member := FOUND;
        IF NOT is_member THEN
            RETURN;
        END IF;
        SELECT said.created_at INTO said_at FROM public.messaging_message said
        WHERE said.id = read_message AND said.event_id = place AND ({IS_MINE} OR said.held_at IS NULL AND EXISTS (
            SELECT FROM public.messaging_delivery handed WHERE handed.message_id = said.id AND handed.user_id = me
        ));
        is_found := FOUND;
        IF is_found THEN
            INSERT INTO public.messaging_feedmarker AS mine (user_id, event_id, read_message_id, read_upto, read_at)
            VALUES (me, place, read_message, said_at, clock_timestamp())
            ON CONFLICT (user_id, event_id) DO UPDATE
            SET read_message_id = read_message, read_upto = said_at, read_at = clock_timestamp()
            WHERE (mine.read_upto, mine.read_message_id) < (said_at, read_message);
        END IF;
    END $$
    """,  # noqa: S608
    "DROP FUNCTION feed_mark_read(uuid, uuid)",
)

# Messages at large after the marker, by the read model that the person really uses; what was said before they came,
# what is their own and what was deleted does not count. Each range begins at the marker and ends at the cap.
FEED_UNREAD = (
    f"""
    CREATE FUNCTION feed_unread(place uuid, cap integer, OUT is_member boolean, OUT unread bigint)
    LANGUAGE plpgsql STABLE {DEFINER} AS $$
    #variable_conflict use_column
    DECLARE
        me CONSTANT uuid := public.callboard_uid();
        my_role text;
        my_tags text[];
        joined timestamptz;
        read_upto timestamptz;
        read_id uuid;
    BEGIN
        SELECT mine.role::text, mine.tags::text[], mine.joined_at INTO my_role, my_tags, joined
        FROM public.events_membership mine
        WHERE mine.event_id = place AND mine.user_id = me AND mine.removed_at IS NULL;
        is_member := FOUND;
        IF NOT is_member THEN
            RETURN;
        END IF;
        SELECT marker.read_upto, marker.read_message_id INTO read_upto, read_id
        FROM public.messaging_feedmarker marker WHERE marker.user_id = me AND marker.event_id = place;
        IF read_upto IS NULL OR read_upto < joined THEN
            -- What was said in the very moment of joining is not from before it.
            read_upto := joined - interval '1 microsecond';
            read_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        END IF;
        IF public.rollout_read_model(place, me) = 'v2' THEN
            SELECT least(count(DISTINCT unread.message_id), cap) INTO unread
            FROM unnest(ARRAY['', my_role]) AS named (role)
            CROSS JOIN LATERAL unnest(array_prepend('', my_tags)) AS shared (tag)
            CROSS JOIN LATERAL (
                SELECT addressee.message_id
                FROM public.messaging_addressee addressee
                JOIN public.messaging_message said
                  ON said.id = addressee.message_id AND said.deleted_at IS NULL AND said.sender_id <> me
                WHERE addressee.event_id = place AND addressee.role = named.role AND addressee.tag = shared.tag
                  AND (addressee.created_at, addressee.message_id) > (read_upto, read_id)
                LIMIT cap
            ) unread;
        ELSE
            SELECT count(*) INTO unread FROM (
                SELECT FROM public.messaging_delivery handed
                JOIN public.messaging_message said
                  ON said.id = handed.message_id AND said.deleted_at IS NULL AND said.held_at IS NULL
                WHERE handed.user_id = me AND handed.event_id = place AND handed.is_at_large
                  AND (handed.message_created_at, handed.message_id) > (read_upto, read_id)
                LIMIT cap
            ) counted;
        END IF;
    END $$
    """,  # noqa: S608
    "DROP FUNCTION feed_unread(uuid, integer)",
)

FOR_THE_API = (
    "feed_entries(uuid, text, uuid, bigint, bigint, timestamptz, uuid, bigint[], integer)",
    "feed_since(uuid, text, uuid, bigint, bigint, timestamptz, uuid, bigint[], integer, text[])",
    "feed_mark_read(uuid, uuid)",
    "feed_unread(uuid, integer)",
)
FOR_THE_OWNER = (
    "feed_since_as(uuid, uuid, text, uuid, text, uuid, bigint, bigint, timestamptz, uuid, bigint[], integer, text[])",
)


def rights() -> list[tuple[str, str]]:
    kept = [f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in (*FOR_THE_OWNER, *FOR_THE_API)]
    given = [f"GRANT EXECUTE ON FUNCTION {name} TO callboard_api" for name in FOR_THE_API]
    return [(statement, migrations.RunSQL.noop) for statement in (*kept, *given)]


class Migration(migrations.Migration):
    dependencies = [("messaging", "0006_feed")]
    operations = [
        migrations.RunSQL(*pair) for pair in (FEED_ENTRIES, *FEED_SINCE, FEED_MARK_READ, FEED_UNREAD, *rights())
    ]
