"""What begins a conversation also hands back whom it shows, and is planned once a connection.

Of one that has just begun its people are all that is left to be read: by `conversations.sql`, they and everything else
would be as much work again as beginning it.

For the planner it matters how long a list is. Where it sees the list it plans each call anew, which takes as long as
all the rest; where it does not it takes the list for ten, and to join it reads all members of a small event. So there
is one plan, and people are looked up one by one. The facts about replying, asked of each conversation that is shown,
are planned once as well.
"""

from importlib import import_module

from django.db import migrations

_around = import_module("messaging.migrations.0015_older_schema_beside")

START = _around.again(
    _around.START,
    (
        """
        LEFT JOIN public.events_membership theirs
          ON theirs.event_id = messaging_start.place AND theirs.user_id = people.id AND theirs.removed_at IS NULL;
""",
        """
        LEFT JOIN LATERAL (
            SELECT known.role FROM public.events_membership known
            WHERE known.event_id = messaging_start.place AND known.user_id = people.id AND known.removed_at IS NULL
            LIMIT 1
        ) theirs ON true;
""",
    ),
)

MEMBER = {
    "role": "text",
    "removed_at": "timestamptz",
    "muted_until": "timestamptz",
    "suspended_until": "timestamptz",
}
BEGUN = {
    "is_blocked": "boolean",
    "existing_id": "uuid",
    "asked_at": "timestamptz",
    "sent_at": "timestamptz",
    "gate": "text",
}


PLANNED_ONCE = "SET plan_cache_mode = force_generic_plan"
REPLY_FACTS = (
    f"ALTER FUNCTION messaging_reply_facts(uuid[]) {PLANNED_ONCE}",
    "ALTER FUNCTION messaging_reply_facts(uuid[]) RESET plan_cache_mode",
)


def begin(
    name: str, writing: str, arguments: dict[str, str], answers: dict[str, str], *, event: str, others: str
) -> tuple[str, str]:
    """A function that calls the writing one, and adds the people of what has begun."""
    takes = ", ".join(f"{argument} {kind}" for argument, kind in arguments.items())
    gives = ", ".join(f"OUT {answer} {kind}" for answer, kind in answers.items())
    made = f"{name}({', '.join(arguments.values())})"
    return (
        f"""
    CREATE FUNCTION {name}({takes}, {gives}, OUT participants text)
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp {PLANNED_ONCE} AS $$
    DECLARE
        around uuid;
    BEGIN
        SELECT begun.* INTO {", ".join(answers)}
        FROM public.{writing}({", ".join(arguments)}) begun;
        IF sent_at IS NOT NULL THEN
            around := {event};
            SELECT jsonb_agg(
                jsonb_build_object(
                    'user_id', people.id, 'name', person.name, 'avatar_url', person.avatar_url, 'role', theirs.role,
                    'last_read_message_id', NULL, 'last_read_at', NULL
                ) ORDER BY people.number
            ) INTO participants
            FROM unnest(public.callboard_uid() || {others}) WITH ORDINALITY AS people (id, number)
            LEFT JOIN LATERAL (
                SELECT known.name, known.avatar_url FROM public.accounts_user known WHERE known.id = people.id LIMIT 1
            ) person ON true
            LEFT JOIN LATERAL (
                SELECT known.role FROM public.events_membership known
                WHERE known.event_id = around AND known.user_id = people.id LIMIT 1
            ) theirs ON true;
        END IF;
    END $$;
    REVOKE ALL ON FUNCTION {made} FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION {made} TO callboard_api
    """,  # noqa: S608
        f"DROP FUNCTION {made}",
    )


BEGIN = begin(
    "messaging_start_shown",
    "messaging_start",
    {
        "place": "uuid",
        "others": "uuid[]",
        "new_kind": "text",
        "new_title": "text",
        "new_conversation": "uuid",
        "new_message": "uuid",
        "new_content": "text",
        "openings": "text[]",
        "gate_stamp": "uuid",
        "outcome": "text",
    },
    {"is_found": "boolean", **MEMBER, "their_roles": "text[]", **BEGUN},
    event="place",
    others="others",
)

BEGIN_HELP = begin(
    "messaging_offer_help_shown",
    "messaging_offer_help",
    {
        "request": "uuid",
        "new_conversation": "uuid",
        "new_message": "uuid",
        "new_content": "text",
        "read_only_roles": "text[]",
        "gate_stamp": "uuid",
        "outcome": "text",
    },
    {
        "event_id": "uuid",
        **MEMBER,
        "requester_id": "uuid",
        "request_status": "text",
        "requester_is_member": "boolean",
        **BEGUN,
    },
    event="event_id",
    others="ARRAY[requester_id]",
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0020_sends_at_once")]
    operations = [migrations.RunSQL(*pair) for pair in (REPLY_FACTS, START, BEGIN, BEGIN_HELP)]
