"""What the API's role sees: a person's own reports, sanctions and appeals; it writes to none. And what nobody changes.

The first policy of each table is its owner's: a forced table hides its rows from its owner too.
"""

from django.db import migrations

# What the role reads of each, and whose.
SEEN = {
    "report": (
        "id, event_id, message_id, reporter_id, reason, details, status, outcome, decided_at, created_at",
        "reporter_id = (SELECT callboard_uid())",
    ),
    "sanction": (
        "id, event_id, user_id, case_id, type, reason, starts_at, ends_at, lifted_at, created_at",
        "user_id = (SELECT callboard_uid())",
    ),
    "appeal": (
        "sanction_id, user_id, text, status, created_at, decided_at",
        "user_id = (SELECT callboard_uid())",
    ),
}


def secured(table: str) -> tuple[str, str]:
    columns, condition = SEEN[table]
    return (
        f"""
        ALTER TABLE moderation_{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY {table}_owner ON moderation_{table} TO CURRENT_USER USING (true) WITH CHECK (true);
        CREATE POLICY {table}_seen ON moderation_{table} FOR SELECT TO callboard_api USING ({condition});
        GRANT SELECT ({columns}) ON moderation_{table} TO callboard_api
        """,  # noqa: S608
        f"""
        REVOKE SELECT ({columns}) ON moderation_{table} FROM callboard_api;
        DROP POLICY {table}_seen ON moderation_{table};
        DROP POLICY {table}_owner ON moderation_{table};
        ALTER TABLE moderation_{table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY
        """,  # noqa: S608
    )


REFUSE_CHANGE = (
    """
    CREATE FUNCTION moderation_refuse_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        RAISE EXCEPTION '% is only ever added to: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END $$;
    REVOKE ALL ON FUNCTION moderation_refuse_change() FROM PUBLIC
    """,
    "DROP FUNCTION moderation_refuse_change()",
)


def append_only(table: str, events: str = "UPDATE OR DELETE OR TRUNCATE") -> tuple[str, str]:
    """ENABLE ALWAYS: replication's switch does not get round it either."""
    return (
        f"""
        CREATE TRIGGER {table}_is_append_only
            BEFORE {events} ON moderation_{table}
            FOR EACH STATEMENT EXECUTE FUNCTION moderation_refuse_change();
        ALTER TABLE moderation_{table} ENABLE ALWAYS TRIGGER {table}_is_append_only
        """,
        f"DROP TRIGGER {table}_is_append_only ON moderation_{table}",
    )


# Of a report only what became of it changes.
REPORT_IS_FIXED = (
    """
    CREATE FUNCTION moderation_keep_report() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        before public.moderation_report := OLD;
    BEGIN
        before.status := NEW.status;
        before.outcome := NEW.outcome;
        before.decided_at := NEW.decided_at;
        IF before IS DISTINCT FROM NEW THEN
            RAISE EXCEPTION 'what was reported stays as it is' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$;
    REVOKE ALL ON FUNCTION moderation_keep_report() FROM PUBLIC;
    CREATE TRIGGER report_is_fixed BEFORE UPDATE ON moderation_report
        FOR EACH ROW EXECUTE FUNCTION moderation_keep_report();
    ALTER TABLE moderation_report ENABLE ALWAYS TRIGGER report_is_fixed
    """,
    """
    DROP TRIGGER report_is_fixed ON moderation_report;
    DROP FUNCTION moderation_keep_report()
    """,
)

# A report shows what its case shows, whoever moves that.
REPORT_FOLLOWS_CASE = (
    """
    CREATE FUNCTION moderation_move_reports() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        UPDATE public.moderation_report
        SET status = NEW.status, outcome = NEW.decision, decided_at = NEW.decided_at
        WHERE case_id = NEW.id;
        RETURN NULL;
    END $$;
    REVOKE ALL ON FUNCTION moderation_move_reports() FROM PUBLIC;
    CREATE TRIGGER report_follows_case AFTER UPDATE OF status, decision, decided_at ON moderation_case
        FOR EACH ROW EXECUTE FUNCTION moderation_move_reports()
    """,
    """
    DROP TRIGGER report_follows_case ON moderation_case;
    DROP FUNCTION moderation_move_reports()
    """,
)

# Every change of the rules gives the gate a new stamp, so that no process judges by the old ones.
RULES_STAMP_THE_GATE = (
    """
    CREATE FUNCTION moderation_stamp_gate() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        INSERT INTO public.messaging_gatestamp (id, stamp) VALUES (1, gen_random_uuid())
        ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp;
        RETURN NULL;
    END $$;
    REVOKE ALL ON FUNCTION moderation_stamp_gate() FROM PUBLIC;
    CREATE TRIGGER contentrule_stamps_gate
        AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON moderation_contentrule
        FOR EACH STATEMENT EXECUTE FUNCTION moderation_stamp_gate()
    """,
    """
    DROP TRIGGER contentrule_stamps_gate ON moderation_contentrule;
    DROP FUNCTION moderation_stamp_gate()
    """,
)


class Migration(migrations.Migration):
    dependencies = [("moderation", "0001_reports_and_cases"), ("messaging", "0003_writing")]
    operations = [
        migrations.RunSQL(*pair)
        for pair in (
            *(secured(table) for table in SEEN),
            REFUSE_CHANGE,
            append_only("evidence"),
            append_only("decision"),
            append_only("transcriptlook"),
            append_only("report", "DELETE OR TRUNCATE"),
            REPORT_IS_FIXED,
            REPORT_FOLLOWS_CASE,
            RULES_STAMP_THE_GATE,
        )
    ]
