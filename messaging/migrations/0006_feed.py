"""The feed: two read models with the same columns, the one that is live for a person, and pages of it as JSON.

They run as whoever asks, under row-level security. What is handed to a person is read through a view that says so in
itself: the policy of messages would look for the delivery of each row again, from which the row was just found.
The planner's choices are taken from it: it does not know that few rows are wanted, and these plans are right at every
size. Planning takes longer than running, so a plan is made once for a connection.
"""

from django.db import migrations

INDEX_SCANS_ONLY = """
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
"""
DEFINER = f"SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp {INDEX_SCANS_ONLY}"

# Whoever asks, their own deliveries and nobody else's; a held message is not out. A barrier: nothing that a caller
# adds is looked at before that. It says its order, because a barrier is planned by itself.
HANDED = (
    """
    CREATE VIEW messaging_handed WITH (security_barrier) AS
    SELECT handed.message_id, handed.event_id, handed.is_at_large, handed.message_created_at AS created_at,
           handed.sms_status, message.conversation_id, message.message_type::text, message.sender_id, message.content,
           message.tags, message.deleted_by_kind::text
    FROM messaging_delivery handed
    JOIN messaging_message message ON message.id = handed.message_id
    WHERE handed.user_id = callboard_uid() AND message.held_at IS NULL
    ORDER BY handed.message_created_at DESC, handed.message_id DESC;
    GRANT SELECT ON messaging_handed TO callboard_api
    """,
    "DROP VIEW messaging_handed",
)

# The newest messages at large that concern the asking member now, each key a range of the addressees' primary key.
# A person's own are among them; who merges them with theirs passes over these.
CONCERNING = (
    f"""
    CREATE FUNCTION feed_concerning(place uuid, upto timestamptz, upto_id uuid, most integer)
    RETURNS TABLE (message_id uuid, created_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 50 {DEFINER} AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
        SELECT DISTINCT addressed.message_id, addressed.created_at
        FROM public.events_membership mine
        CROSS JOIN LATERAL unnest(ARRAY['', mine.role::text]) AS named (role)
        CROSS JOIN LATERAL unnest(array_prepend('', mine.tags::text[])) AS shared (tag)
        CROSS JOIN LATERAL (
            SELECT addressee.message_id, addressee.created_at
            FROM public.messaging_addressee addressee
            WHERE addressee.event_id = place AND addressee.role = named.role AND addressee.tag = shared.tag
              AND (addressee.created_at, addressee.message_id) < (upto, upto_id)
            ORDER BY addressee.created_at DESC, addressee.message_id DESC
            LIMIT most
        ) addressed
        WHERE mine.event_id = place AND mine.user_id = public.callboard_uid() AND mine.removed_at IS NULL
        ORDER BY addressed.created_at DESC, addressed.message_id DESC
        LIMIT most;
    END $$
    """,  # noqa: S608
    "DROP FUNCTION feed_concerning(uuid, timestamptz, uuid, integer)",
)

COLUMNS = """
    message_id uuid, conversation_id uuid, content text, created_at timestamptz, delivery_status text, sender_id uuid,
    sender_name text, sender_avatar_url text, message_type text, source text, channel_tags text[], deleted_by_kind text
"""
WINDOW = "place uuid, upto timestamptz, upto_id uuid, most integer"

# By message_own_latest; the held ones too.
OWN = """
    (SELECT own.id AS message_id, own.conversation_id, own.content, own.created_at, 'sent'::text AS delivery_status,
            own.sender_id, own.message_type::text, 'own'::text AS source, own.tags, own.deleted_by_kind::text
     FROM public.messaging_message own
     WHERE own.event_id = place AND own.sender_id = (SELECT public.callboard_uid())
       AND (own.created_at, own.id) < (upto, upto_id)
     ORDER BY own.created_at DESC, own.id DESC
     LIMIT most)
"""


def handed(is_at_large: str) -> str:
    """One range of delivery_feed, and each message by its primary key."""
    return f"""
    (SELECT handed.message_id, handed.conversation_id, handed.content, handed.created_at,
            coalesce(handed.sms_status, 'delivered'), handed.sender_id, handed.message_type, 'delivery', handed.tags,
            handed.deleted_by_kind
     FROM public.messaging_handed handed
     WHERE handed.event_id = place AND handed.is_at_large = {is_at_large}
       AND (handed.created_at, handed.message_id) < (upto, upto_id)
     ORDER BY handed.created_at DESC, handed.message_id DESC
     LIMIT most)
    """  # noqa: S608


# Of the newest that concern me, one's own are taken out after counting: as many newer ones stand among one's own.
AT_LARGE = """
    (SELECT said.id, said.conversation_id, said.content, concerning.created_at,
            coalesce((
                SELECT texted.sms_status FROM public.messaging_delivery texted
                WHERE texted.message_id = said.id AND texted.user_id = (SELECT public.callboard_uid())
                  AND texted.sms_status IS NOT NULL
            ), 'delivered'), said.sender_id, said.message_type::text, 'message', said.tags, said.deleted_by_kind::text
     FROM (
         SELECT * FROM public.feed_concerning(place, upto, upto_id, most) found
         ORDER BY found.created_at DESC, found.message_id DESC
         LIMIT most
     ) concerning
     JOIN public.messaging_message said
       ON said.id = concerning.message_id AND said.sender_id <> (SELECT public.callboard_uid())
     ORDER BY concerning.created_at DESC, concerning.message_id DESC
     LIMIT most)
"""


def model(name: str, *sources: str) -> tuple[str, str]:
    """Each source limited, then merged: no more is read of any than the page needs. Part of the statement around it."""
    return (
        f"""
        CREATE FUNCTION {name}({WINDOW}) RETURNS TABLE ({COLUMNS})
        LANGUAGE sql STABLE ROWS 50 AS $$
            SELECT found.message_id, found.conversation_id, found.content, found.created_at, found.delivery_status,
                   found.sender_id, sender.name::text, sender.avatar_url::text, found.message_type, found.source,
                   found.tags, found.deleted_by_kind
            FROM ({" UNION ALL ".join(sources)}) found
            LEFT JOIN public.accounts_user sender ON sender.id = found.sender_id
            ORDER BY found.created_at DESC, found.message_id DESC
            LIMIT most
        $$
        """,  # noqa: S608
        f"DROP FUNCTION {name}(uuid, timestamptz, uuid, integer)",
    )


FEED_V1 = model("feed_v1", OWN, handed("false"), handed("true"))
FEED_V2 = model("feed_v2", OWN, handed("false"), AT_LARGE)

# By the model that a cursor names, or else the one that the person really uses.
FEED_LIVE = (
    f"""
    CREATE FUNCTION feed_live({WINDOW}, named text DEFAULT NULL) RETURNS TABLE ({COLUMNS})
    LANGUAGE plpgsql STABLE ROWS 50 {INDEX_SCANS_ONLY} AS $$
    BEGIN
        IF coalesce(named, public.rollout_read_model(place, public.callboard_uid())) = 'v2' THEN
            RETURN QUERY SELECT * FROM public.feed_v2(place, upto, upto_id, most);
        ELSE
            RETURN QUERY SELECT * FROM public.feed_v1(place, upto, upto_id, most);
        END IF;
    END $$
    """,  # noqa: S608
    "DROP FUNCTION feed_live(uuid, timestamptz, uuid, integer, text)",
)

# A feed item as the contract has it. Measured for a page of 50: rows of twelve columns cost the client three times as
# much as the same as one text, and the database no less. `wording` stands in `messaging.feed`. Part of the statement
# around it, as long as what it is given is columns.
FEED_ITEM = (
    f"""
    CREATE FUNCTION feed_item({COLUMNS}, joined timestamptz, wording text[]) RETURNS text
    LANGUAGE sql STABLE AS $$
        SELECT '{{"message_id":"' || message_id
            || CASE WHEN conversation_id IS NULL THEN '","conversation_id":null,"content":'
                    ELSE '","conversation_id":"' || conversation_id || '","content":' END
            || to_json(CASE deleted_by_kind
                    WHEN 'moderator' THEN wording[1] WHEN 'sender' THEN wording[2] ELSE content END)
            || ',"created_at":"' || to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || '","delivery_status":"' || delivery_status || '","sender_id":"' || sender_id
            || '","sender_name":' || to_json(coalesce(nullif(sender_name, ''), wording[3]))
            || ',"sender_avatar_url":'
            || CASE WHEN sender_avatar_url IS NULL THEN 'null' ELSE to_json(sender_avatar_url)::text END
            || ',"message_type":"' || message_type
            || CASE source
                    WHEN 'own' THEN '","is_own_message":true,"is_delivery_backed":false,"source":"own",'
                    WHEN 'delivery' THEN '","is_own_message":false,"is_delivery_backed":true,"source":"delivery",'
                    ELSE '","is_own_message":false,"is_delivery_backed":false,"source":"message",' END
            || CASE WHEN created_at < joined THEN '"is_catchup":true,"channel_tags":'
                    ELSE '"is_catchup":false,"channel_tags":' END
            || CASE WHEN channel_tags = '{{}}' THEN '[]' ELSE array_to_json(channel_tags)::text END
            || CASE WHEN deleted_by_kind IS NULL THEN ',"is_deleted":false}}' ELSE ',"is_deleted":true}}' END
    $$
    """,
    "DROP FUNCTION feed_item(uuid, uuid, text, timestamptz, text, uuid, text, text, text, text, text[], text,"
    " timestamptz, text[])",
)
ITEM = """
    public.feed_item(
        item.message_id, item.conversation_id, item.content, item.created_at, item.delivery_status, item.sender_id,
        item.sender_name, item.sender_avatar_url, item.message_type, item.source, item.channel_tags,
        item.deleted_by_kind, joined, wording
    )
"""
# What was shown, a letter each for type and source, to be counted.
KIND = "left(item.message_type, 1) || left(item.source, 1)"

MEMBERSHIP = """
        SELECT mine.joined_at INTO joined FROM public.events_membership mine
        WHERE mine.event_id = place AND mine.user_id = public.callboard_uid() AND mine.removed_at IS NULL;
        is_member := FOUND;
        IF NOT is_member THEN
            RETURN;
        END IF;
        read_model := coalesce(named, public.rollout_read_model(place, public.callboard_uid()));
"""


def with_its_twin(
    name: str, arguments: dict[str, str], answers: dict[str, str], head: str, body: str
) -> tuple[tuple[str, str], ...]:
    """A function, and the same for outside a transaction: the owner's, which takes the role first."""
    takes = ", ".join(f"{argument} {kind}" for argument, kind in arguments.items())
    gives = ", ".join(f"OUT {answer} {kind}" for answer, kind in answers.items())
    types = ", ".join(arguments.values())
    return (
        (
            f"CREATE FUNCTION {name}({takes}, {gives}) {head} AS $$ {body} $$",
            f"DROP FUNCTION {name}({types})",
        ),
        (
            f"CREATE FUNCTION {name}_as(person uuid, token uuid, stamp text, {takes}, {gives}) {head} AS $$"
            f" {body.replace('BEGIN', 'BEGIN PERFORM public.callboard_enter(person, token, stamp);', 1)} $$",
            f"DROP FUNCTION {name}_as(uuid, uuid, text, {types})",
        ),
    )


FEED_PAGE = with_its_twin(
    "feed_page",
    {
        "place": "uuid",
        "named": "text",
        "upto": "timestamptz",
        "upto_id": "uuid",
        "page": "integer",
        "wording": "text[]",
    },
    {
        "is_member": "boolean",
        "read_model": "text",
        "items": "text",
        "kinds": "text",
        "next_at": "timestamptz",
        "next_id": "uuid",
        "is_sampled": "boolean",
    },
    "LANGUAGE plpgsql",
    f"""
    DECLARE
        joined timestamptz;
        has_more boolean;
    BEGIN
        {MEMBERSHIP}
        SELECT string_agg({ITEM}, ',') FILTER (WHERE item.number <= page),
               string_agg({KIND}, '') FILTER (WHERE item.number <= page),
               count(*) > page,
               max(item.created_at) FILTER (WHERE item.number = page),
               (array_agg(item.message_id) FILTER (WHERE item.number = page))[1]
        INTO items, kinds, has_more, next_at, next_id
        FROM (
            SELECT found.*, row_number() OVER () AS number
            FROM public.feed_live(place, upto, upto_id, page + 1, read_model) found
        ) item;
        IF NOT has_more THEN
            next_at := NULL;
            next_id := NULL;
        END IF;
        is_sampled := public.rollout_is_sampled();
    END
    """,  # noqa: S608
)

FOR_THE_API = (
    "feed_concerning(uuid, timestamptz, uuid, integer)",
    "feed_v1(uuid, timestamptz, uuid, integer)",
    "feed_v2(uuid, timestamptz, uuid, integer)",
    "feed_live(uuid, timestamptz, uuid, integer, text)",
    "feed_item(uuid, uuid, text, timestamptz, text, uuid, text, text, text, text, text[], text, timestamptz, text[])",
    "feed_page(uuid, text, timestamptz, uuid, integer, text[])",
)
FOR_THE_OWNER = ("feed_page_as(uuid, uuid, text, uuid, text, timestamptz, uuid, integer, text[])",)


def rights() -> list[tuple[str, str]]:
    kept = [f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in (*FOR_THE_OWNER, *FOR_THE_API)]
    given = [f"GRANT EXECUTE ON FUNCTION {name} TO callboard_api" for name in FOR_THE_API]
    return [(statement, migrations.RunSQL.noop) for statement in (*kept, *given)]


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0005_feed_columns_and_indexes"),
        ("rollout", "0002_read_model_of_a_person"),
        ("accounts", "0002_rights_and_look_ups"),
    ]
    operations = [
        migrations.RunSQL(*pair)
        for pair in (
            HANDED,
            CONCERNING,
            FEED_V1,
            FEED_V2,
            FEED_LIVE,
            FEED_ITEM,
            *FEED_PAGE,
            *rights(),
        )
    ]
