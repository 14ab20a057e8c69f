"""What holds for texts whoever writes: where they go from where, who is told, what is never changed; and the three
functions by which workers and webhooks reach them in one round trip."""

from django.db import migrations

SAFE = "SET search_path = pg_catalog, public, pg_temp"
# What is joined here is found by key, however little the planner knows of how many rows a statement has moved.
BY_KEY = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off"

# A test holds it against messaging.sms.states, from which the diagram is drawn.
MAY_MOVE = (
    """
    CREATE FUNCTION messaging_text_may_move(begin text, upto text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE begin
            WHEN 'queued' THEN upto IN ('sending', 'sent', 'delivered', 'undelivered', 'failed', 'suppressed')
            WHEN 'sending' THEN
                upto IN ('queued', 'unknown', 'sent', 'delivered', 'undelivered', 'failed', 'suppressed')
            WHEN 'unknown' THEN upto IN ('queued', 'sent', 'delivered', 'undelivered', 'failed', 'suppressed')
            WHEN 'sent' THEN upto IN ('delivered', 'undelivered', 'failed', 'suppressed')
            ELSE false
        END
    $$;
    REVOKE ALL ON FUNCTION messaging_text_may_move(text, text) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_text_may_move(text, text)",
)

MOVES_FORWARD = (
    f"""
    CREATE FUNCTION messaging_text_check_move() RETURNS trigger
    LANGUAGE plpgsql {SAFE} AS $$
    BEGIN
        IF NOT messaging_text_may_move(OLD.state, NEW.state) THEN
            RAISE EXCEPTION 'a text does not go from % to %', OLD.state, NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'text_moves_forward';
        END IF;
        NEW.moved_at := clock_timestamp();
        RETURN NEW;
    END $$;
    REVOKE ALL ON FUNCTION messaging_text_check_move() FROM PUBLIC;
    CREATE TRIGGER text_moves_forward BEFORE UPDATE ON messaging_text
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION messaging_text_check_move();
    ALTER TABLE messaging_text ENABLE ALWAYS TRIGGER text_moves_forward
    """,
    """
    DROP TRIGGER text_moves_forward ON messaging_text;
    DROP FUNCTION messaging_text_check_move()
    """,
)

# The delivery says what the feed and the progress of a broadcast show; the log has one row for each sender and message,
# however many of its texts a statement moved. That one is being sent is over before anybody could look.
MOVE_IS_TOLD = (
    f"""
    CREATE FUNCTION messaging_text_moved() RETURNS trigger
    LANGUAGE plpgsql {SAFE} {BY_KEY} AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM texts_after AS after JOIN texts_before AS before USING (delivery_id)
            WHERE after.state <> before.state
        ) THEN
            RETURN NULL;
        END IF;
        UPDATE messaging_delivery AS delivery SET sms_status = after.state
        FROM texts_after AS after JOIN texts_before AS before USING (delivery_id)
        WHERE delivery.id = after.delivery_id AND after.state <> before.state;
        INSERT INTO messaging_textstep (delivery_id, at, begin, "end", cause, reason, code, attempts, sid)
        SELECT after.delivery_id, after.moved_at, before.state, after.state, after.cause, after.reason, after.code,
               after.attempts, after.sid
        FROM texts_after AS after JOIN texts_before AS before USING (delivery_id)
        WHERE after.state <> before.state;
        INSERT INTO messaging_logentry (kind, event_id, user_id, message_id, data)
        SELECT 'delivery.updated', after.event_id, after.sender_id, after.message_id,
               jsonb_build_object('deliveries', jsonb_agg(
                   jsonb_build_object('user_id', after.user_id, 'delivery_status', after.state)
                   ORDER BY after.delivery_id
               ))
        FROM texts_after AS after JOIN texts_before AS before USING (delivery_id)
        WHERE after.state <> before.state AND after.state <> 'sending'
        GROUP BY after.event_id, after.sender_id, after.message_id;
        RETURN NULL;
    END $$;
    REVOKE ALL ON FUNCTION messaging_text_moved() FROM PUBLIC;
    CREATE TRIGGER text_move_is_told AFTER UPDATE ON messaging_text
        REFERENCING OLD TABLE AS texts_before NEW TABLE AS texts_after
        FOR EACH STATEMENT EXECUTE FUNCTION messaging_text_moved();
    ALTER TABLE messaging_text ENABLE ALWAYS TRIGGER text_move_is_told
    """,  # noqa: S608
    """
    DROP TRIGGER text_move_is_told ON messaging_text;
    DROP FUNCTION messaging_text_moved()
    """,
)

REFUSE_CHANGE = (
    f"""
    CREATE FUNCTION messaging_refuse_change() RETURNS trigger
    LANGUAGE plpgsql {SAFE} AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
    END $$;
    REVOKE ALL ON FUNCTION messaging_refuse_change() FROM PUBLIC
    """,
    "DROP FUNCTION messaging_refuse_change()",
)


def append_only(table: str) -> tuple[str, str]:
    """ENABLE ALWAYS: replication's switch does not get round it either."""
    return (
        f"""
        CREATE TRIGGER {table}_is_append_only
            BEFORE UPDATE OR DELETE OR TRUNCATE ON messaging_{table}
            FOR EACH STATEMENT EXECUTE FUNCTION messaging_refuse_change();
        ALTER TABLE messaging_{table} ENABLE ALWAYS TRIGGER {table}_is_append_only
        """,
        f"DROP TRIGGER {table}_is_append_only ON messaging_{table}",
    )


# The first reason in the contract's order against a text to somebody, as far as the database knows them; the preview of
# a broadcast and the worker ask the same.
AGAINST_TEXT = (
    """
    CREATE FUNCTION messaging_against_text(
        phone text, opted_out_by text, is_member boolean, suspended_until timestamptz, is_removed boolean,
        at timestamptz
    ) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE
            WHEN opted_out_by IN ('stop', 'provider', 'staff') THEN 'opted_out'
            WHEN phone IS NULL OR opted_out_by IS NOT NULL THEN 'no_phone'
            WHEN is_member IS NOT TRUE THEN 'not_member'
            WHEN suspended_until > at THEN 'suspended'
            WHEN is_removed THEN 'message_removed'
        END
    $$;
    REVOKE ALL ON FUNCTION messaging_against_text(text, text, boolean, timestamptz, boolean, timestamptz) FROM PUBLIC
    """,
    "DROP FUNCTION messaging_against_text(text, text, boolean, timestamptz, boolean, timestamptz)",
)

# A phone's lock is shared by those who begin a call to it and taken alone by who stops them: a STOP that has committed
# is seen by every call that begins after it. Each statement here looks anew, after the lock was waited for.
BEGIN_CALL = (
    f"""
    CREATE FUNCTION messaging_begin_text(
        text_id bigint, token uuid, number text, price numeric, lease interval
    ) RETURNS smallint
    LANGUAGE plpgsql {SAFE} {BY_KEY} AS $$
    DECLARE
        attempt smallint;
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('callboard:phone:' || number, 0));
        UPDATE messaging_text AS mine
        SET began_at = clock_timestamp(), attempts = mine.attempts + 1, phone = number, cost = price,
            lease_until = clock_timestamp() + lease
        FROM accounts_user person, messaging_message message, events_membership membership
        WHERE mine.delivery_id = text_id AND mine.lease_token = token AND mine.state = 'sending'
          AND mine.began_at IS NULL
          AND (mine.valid_until IS NULL OR mine.valid_until > clock_timestamp())
          AND person.id = mine.user_id AND message.id = mine.message_id
          AND membership.event_id = mine.event_id AND membership.user_id = mine.user_id
          AND person.phone = number
          AND messaging_against_text(
              person.phone,
              (SELECT optout.cause FROM messaging_optout optout
               WHERE optout.phone = number AND optout.lifted_at IS NULL),
              membership.removed_at IS NULL AND person.is_active, membership.suspended_until,
              message.deleted_at IS NOT NULL OR message.held_at IS NOT NULL, clock_timestamp()
          ) IS NULL
        RETURNING mine.attempts INTO attempt;
        RETURN attempt;
    END $$;
    REVOKE ALL ON FUNCTION messaging_begin_text(bigint, uuid, text, numeric, interval) FROM PUBLIC
    """,  # noqa: S608
    "DROP FUNCTION messaging_begin_text(bigint, uuid, text, numeric, interval)",
)

# What the provider says of a text, kept as it came and folded in the same transaction. What has been heard before does
# nothing. Bad news of an earlier call says nothing about the one that is under way.
FOLD = (
    f"""
    CREATE FUNCTION messaging_fold_status(
        heard_digest bytea, heard_sid text, heard_id bigint, heard_attempt smallint, heard_fields jsonb, target text,
        why text, error integer, settle_after interval
    ) RETURNS TABLE (is_news boolean, is_moved boolean, phone text)
    LANGUAGE plpgsql {SAFE} {BY_KEY} AS $$
    #variable_conflict use_column
    DECLARE
        id bigint := heard_id;
    BEGIN
        INSERT INTO messaging_callback (kind, sid, delivery_id, attempt, fields, digest)
        VALUES ('status', heard_sid, heard_id, heard_attempt, heard_fields, heard_digest)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN QUERY SELECT false, false, NULL::text;
            RETURN;
        END IF;
        IF id IS NULL THEN
            SELECT known.delivery_id INTO id FROM messaging_text known WHERE known.sid = heard_sid LIMIT 1;
        END IF;
        RETURN QUERY SELECT true, moved.is_moved, moved.phone
        FROM messaging_settle_text(
            id, heard_attempt, heard_sid, target, why, error, 'callback', settle_after
        ) moved;
    END $$;
    REVOKE ALL ON FUNCTION messaging_fold_status(
        bytea, text, bigint, smallint, jsonb, text, text, integer, interval
    ) FROM PUBLIC
    """,  # noqa: S608
    "DROP FUNCTION messaging_fold_status(bytea, text, bigint, smallint, jsonb, text, text, integer, interval)",
)

# Moves a text to what the provider says of it, if that is further on; the row's lock puts those who say so in order.
SETTLE = (
    f"""
    CREATE FUNCTION messaging_settle_text(
        text_id bigint, of_attempt smallint, its_sid text, target text, why text, error integer, by_what text,
        settle_after interval
    ) RETURNS TABLE (is_moved boolean, phone text)
    LANGUAGE plpgsql {SAFE} {BY_KEY} AS $$
    #variable_conflict use_column
    DECLARE
        found messaging_text;
    BEGIN
        SELECT * INTO found FROM messaging_text mine WHERE mine.delivery_id = text_id FOR NO KEY UPDATE;
        IF found.delivery_id IS NULL THEN
            RETURN QUERY SELECT false, NULL::text;
        ELSIF target IS NULL OR NOT messaging_text_may_move(found.state, target)
           OR target NOT IN ('sent', 'delivered') AND of_attempt IS DISTINCT FROM NULL
              AND of_attempt <> found.attempts
        THEN
            IF found.sid IS NULL THEN
                UPDATE messaging_text SET sid = its_sid WHERE delivery_id = text_id;
            END IF;
            RETURN QUERY SELECT false, found.phone;
        ELSE
            UPDATE messaging_text
            SET state = target, reason = why, code = error, cause = by_what, sid = coalesce(its_sid, found.sid),
                lease_token = NULL, lease_until = NULL, looks = 0, next_at = clock_timestamp() + settle_after
            WHERE delivery_id = text_id;
            RETURN QUERY SELECT true, found.phone;
        END IF;
    END $$;
    REVOKE ALL ON FUNCTION messaging_settle_text(
        bigint, smallint, text, text, text, integer, text, interval
    ) FROM PUBLIC
    """,  # noqa: S608
    "DROP FUNCTION messaging_settle_text(bigint, smallint, text, text, text, integer, text, interval)",
)


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0009_texts"),
        ("events", "0004_quiet_hours"),
        ("accounts", "0002_rights_and_look_ups"),
    ]
    operations = [
        migrations.RunSQL(*pair)
        for pair in (
            MAY_MOVE,
            MOVES_FORWARD,
            MOVE_IS_TOLD,
            REFUSE_CHANGE,
            append_only("textstep"),
            append_only("callback"),
            AGAINST_TEXT,
            BEGIN_CALL,
            SETTLE,
            FOLD,
        )
    ]
