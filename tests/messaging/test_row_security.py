"""The tables in raw SQL, as the role of the API: what is not a person's is not there, and nothing can be written."""

from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from messaging import conversations, messages, publishing
from messaging.models import Message
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change

TABLES = ("conversation", "participant", "expected", "message", "delivery")


def counts(sql) -> dict[str, int]:
    return {table: sql.rows(f"SELECT count(*) FROM messaging_{table}")[0][0] for table in TABLES}


def test_participants_see_their_conversation_whole(cast, direct, as_api):
    for person in (cast.mvp_dealer, cast.attendee):
        with as_api(person) as sql:
            assert counts(sql) == {"conversation": 1, "participant": 2, "message": 1, "expected": 0, "delivery": 1}


@pytest.mark.parametrize("who", ["attendee_2", "dealer", "organizer", "moderator", "removed", "stranger", "staff"])
def test_nobody_else_sees_any_of_it(cast, direct, as_api, who):
    with as_api(getattr(cast, who)) as sql:
        assert counts(sql) == dict.fromkeys(TABLES, 0)


def test_without_a_person_there_is_nothing(cast, direct, group, as_api):
    with as_api() as sql:
        assert counts(sql) == dict.fromkeys(TABLES, 0)


def test_a_group_is_seen_by_its_people_and_their_deliveries_only_by_reader_and_sender(cast, group, as_api):
    expected = {cast.organizer: 2, cast.attendee: 1, cast.dealer: 1}
    for person, deliveries in expected.items():
        with as_api(person) as sql:
            assert counts(sql) == {
                "conversation": 1,
                "participant": 3,
                "message": 1,
                "expected": 0,
                "delivery": deliveries,
            }


def test_who_leaves_keeps_what_was_delivered_and_nothing_else(cast, group, as_api):
    conversations.take_out(group.id, cast.attendee.id, by=cast.attendee)
    conversations.send(group.id, "After you left", by=cast.organizer)
    with as_api(cast.attendee) as sql:
        assert counts(sql) == {"conversation": 0, "participant": 0, "message": 1, "expected": 0, "delivery": 1}
        assert sql.rows("SELECT content FROM messaging_message") == [("Welcome",)]


def test_who_joins_later_sees_all_messages(cast, group, as_api):
    conversations.invite(group.id, cast.attendee_2.id, by=cast.organizer)
    with as_api(cast.attendee_2) as sql:
        assert counts(sql) == {"conversation": 1, "participant": 4, "message": 1, "expected": 0, "delivery": 0}


def test_a_held_message_is_its_senders_only(cast, direct, as_api):
    sent = conversations.send(direct.id, "Held back", by=cast.attendee)
    Message.objects.filter(id=sent.id).update(held_at=sent.created_at)
    with as_api(cast.attendee) as sql:
        assert sql.rows("SELECT count(*) FROM messaging_message WHERE held_at IS NOT NULL") == [(1,)]
    with as_api(cast.mvp_dealer) as sql:
        assert sql.rows("SELECT count(*) FROM messaging_message WHERE held_at IS NOT NULL") == [(0,)]


@pytest.mark.parametrize(
    ("roles", "tags", "seen_by"),
    [
        ([], [], {"attendee", "attendee_2", "dealer", "mvp_dealer", "organizer", "moderator"}),
        (["attendee"], [], {"attendee", "attendee_2", "organizer"}),
        ([], ["crew"], {"attendee_2", "dealer", "organizer"}),
        (["attendee", "dealer"], ["crew", "none"], {"attendee_2", "dealer", "organizer"}),
        (["moderator"], ["crew"], {"organizer"}),
    ],
)
def test_a_message_at_large_is_seen_by_whom_it_concerns_now_and_its_sender(cast, as_api, roles, tags, seen_by):
    change(cast, cast.attendee_2, tags=["crew", "early"])
    change(cast, cast.dealer, tags=["crew"])
    other = make_event("other")
    join(other, cast.stranger)
    publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="channel", content="Now", roles=roles, tags=tags
    )
    everyone = ["attendee", "attendee_2", "dealer", "mvp_dealer", "organizer", "moderator", "removed", "stranger"]
    found = set()
    for name in [*everyone, "staff"]:
        with as_api(getattr(cast, name)) as sql:
            if sql.rows("SELECT id FROM messaging_message"):
                found.add(name)
    assert found == seen_by


def test_a_lost_tag_hides_the_channel_but_not_what_was_delivered(cast, as_api):
    change(cast, cast.dealer, tags=["crew"])
    change(cast, cast.attendee, tags=["crew"])
    message = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="channel", content="Crew only", tags=["crew"]
    )
    change(cast, cast.attendee, tags=[])
    publishing.deliver_all(message)
    change(cast, cast.dealer, tags=[])
    with as_api(cast.attendee) as sql:
        assert sql.rows("SELECT id FROM messaging_message") == []
    with as_api(cast.dealer) as sql:
        assert sql.rows("SELECT id FROM messaging_message") == [(message.id,)]


WRITES = [
    *(f"DELETE FROM messaging_{table}" for table in (*TABLES, "logentry", "removal")),
    "UPDATE messaging_conversation SET maker_id = callboard_uid()",
    "UPDATE messaging_participant SET read_at = now()",
    "UPDATE messaging_message SET content = 'forged'",
    "UPDATE messaging_delivery SET sms_status = 'sent'",
    "INSERT INTO messaging_participant (conversation_id, user_id)"
    " SELECT id, callboard_uid() FROM messaging_conversation",
    "INSERT INTO messaging_logentry (kind, event_id) VALUES ('message.created', callboard_uid())",
    "INSERT INTO messaging_message (id, event_id, message_type, sender_id, content, roles, tags)"
    " SELECT gen_random_uuid(), event_id, 'announcement', callboard_uid(), 'x', '{}', '{}' FROM messaging_conversation",
    "SELECT * FROM messaging_logentry",
    "SELECT * FROM messaging_removal",
    "SELECT * FROM messaging_reply_facts_of(callboard_uid(), callboard_uid())",
    "SELECT messaging_send_as(callboard_uid(), NULL, NULL, callboard_uid(), callboard_uid(), 'x', '{}', NULL, 'pass')",
    "SELECT messaging_send_together('[]', '{}')",
    "SELECT messaging_open(callboard_uid(), '{}', callboard_uid(), 'group', NULL, NULL, callboard_uid(),"
    " callboard_uid(), 'x', false)",
    "SELECT messaging_hold(callboard_uid(), callboard_uid(), callboard_uid(), callboard_uid(), 'x')",
    "SELECT messaging_let_out(message) FROM messaging_message message",
    "SELECT messaging_gate_of(NULL, 'pass')",
    "SELECT * FROM messaging_gatestamp",
]


@pytest.mark.parametrize("statement", WRITES)
def test_the_role_writes_nothing_itself(cast, direct, as_api, statement):
    with as_api(cast.mvp_dealer) as sql, pytest.raises(DatabaseError, match="permission denied"):
        sql.rows(statement)


def test_functions_do_nothing_for_nobody(cast, direct, help_request, as_api, everything):
    message = direct.messages.get()
    before = everything()
    calls = [
        ("SELECT is_found FROM messaging_send(%s, gen_random_uuid(), 'x', '{}')", [direct.id], False),
        ("SELECT is_found FROM messaging_mark_read(%s, %s)", [direct.id, message.id], False),
        ("SELECT is_found FROM messaging_invite(%s, %s, '{}', 50)", [direct.id, cast.attendee_2.id], False),
        ("SELECT is_found FROM messaging_take_out(%s, %s)", [direct.id, cast.attendee.id], False),
        ("SELECT is_found FROM messaging_delete(%s)", [message.id], False),
        (
            "SELECT is_found FROM messaging_moderate(%s, 'remove', gen_random_uuid(), 'x', '{organizer}')",
            [message.id],
            False,
        ),
        ("SELECT count(*) FROM messaging_reply_facts(ARRAY[%s])", [direct.id], 0),
        (
            "SELECT sent_at FROM messaging_start(%s, ARRAY[%s]::uuid[], 'direct', NULL, gen_random_uuid(),"
            " gen_random_uuid(), 'x', '{attendee:dealer}')",
            [cast.event.id, cast.dealer.id],
            None,
        ),
        (
            "SELECT sent_at FROM messaging_offer_help(%s, gen_random_uuid(), gen_random_uuid(), 'x', '{}')",
            [help_request.id],
            None,
        ),
        (
            "SELECT participants FROM messaging_start_shown(%s, ARRAY[%s]::uuid[], 'direct', NULL, gen_random_uuid(),"
            " gen_random_uuid(), 'x', '{attendee:dealer}', NULL, 'pass')",
            [cast.event.id, cast.dealer.id],
            None,
        ),
        (
            "SELECT participants FROM messaging_offer_help_shown(%s, gen_random_uuid(), gen_random_uuid(), 'x', '{}',"
            " NULL, 'pass')",
            [help_request.id],
            None,
        ),
    ]
    with as_api() as sql:
        for statement, values, expected in calls:
            assert sql.rows(statement, values) == [(expected,)], statement
        sql.rows("SELECT set_config('role', 'none', true)")
        assert everything() == before


def test_an_outsider_learns_from_no_function_that_there_is_anything(cast, direct, as_api):
    message = direct.messages.get()
    with as_api(cast.attendee_2) as sql:
        assert sql.rows("SELECT * FROM messaging_reply_facts(ARRAY[%s])", [direct.id]) == []
        for known, unknown, statement in [
            (
                direct.id,
                message.id,
                "SELECT is_found, event_id, role FROM messaging_send(%s, gen_random_uuid(), 'x', '{}')",
            ),
            (direct.id, message.id, "SELECT is_found, kind, role FROM messaging_take_out(%s, callboard_uid())"),
            (message.id, direct.id, "SELECT is_found, event_id, role FROM messaging_delete(%s)"),
            (
                message.id,
                direct.id,
                "SELECT is_found, event_id, role, state, content"
                " FROM messaging_moderate(%s, 'remove', gen_random_uuid(), 'x', '{organizer}')",
            ),
        ]:
            assert sql.rows(statement, [known]) == sql.rows(statement, [unknown]), statement


def test_a_moderator_gets_no_private_text_from_the_function(cast, direct):
    message = direct.messages.get()
    removed = messages.remove(message.id, reason="spam", by=cast.moderator)
    assert removed.content is None
    assert messages.restore(message.id, by=cast.moderator).content is None


def test_every_table_is_forced_and_has_the_policies_that_are_meant(cast):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
            " WHERE relname = ANY(%s) ORDER BY relname",
            [[f"messaging_{table}" for table in TABLES]],
        )
        assert cursor.fetchall() == [(f"messaging_{table}", True) for table in sorted(TABLES)]
        cursor.execute(
            "SELECT tablename, policyname, roles::text[], cmd FROM pg_policies"
            " WHERE tablename LIKE 'messaging%%' ORDER BY 1, 2",
            [],
        )
        owner = connection.settings_dict["USER"]
        assert cursor.fetchall() == [
            line
            for table in sorted(TABLES)
            for line in (
                (f"messaging_{table}", f"{table}_owner", [owner], "ALL"),
                (f"messaging_{table}", f"{table}_seen", ["callboard_api"], "SELECT"),
            )
        ]


def test_people_without_a_common_event_share_nothing(cast, as_api):
    other = make_event("other")
    one, two = make_user("one"), make_user("two")
    join(other, one, "organizer")
    join(other, two)
    conversations.start(other.id, two.id, "Elsewhere", by=one)
    with as_api(cast.organizer) as sql:
        assert counts(sql) == dict.fromkeys(TABLES, 0)


def test_the_documentation_lists_every_definer_function(cast):
    page = (Path(__file__).parents[2] / "docs" / "database-role.md").read_text()
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace")
        names = {name for (name,) in cursor.fetchall()}
    assert "messaging_send" in names
    assert [name for name in names if f"`{name}(" not in page] == []
