"""What the feed reads by, in raw SQL as the role of the API: each kind of person finds what was told them, and no more.

The owner is no superuser here either (`tests/test_rights.py`): it obeys policies of its own.
"""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from messaging import conversations, feed, publishing
from messaging.models import FeedMarker, Message
from messaging.reads import TOP
from tests.messaging.conftest import change, start
from tests.messaging.feeds import publish

EVERYONE = (
    "attendee",
    "attendee_2",
    "dealer",
    "mvp_dealer",
    "organizer",
    "moderator",
    "removed",
    "stranger",
    "staff",
    None,
)
MEMBERS = EVERYONE[:6]


@pytest.fixture
def told(cast) -> dict[str, str]:
    """What was said, by its text; the removed one was there for the first two."""
    change(cast, cast.removed, removed_at=None, tags=["crew"])
    change(cast, cast.attendee_2, tags=["crew"])
    publishing.deliver_all(publish(cast, "announcement", "to all"))
    publishing.deliver_all(publish(cast, "channel", "to the crew", tags=["crew"]))
    change(cast, cast.removed, removed_at=timezone.now())
    publishing.deliver_all(publish(cast, "announcement", "to dealers", roles=["dealer", "moderator"]))
    publish(cast, "announcement", "not delivered yet", roles=["attendee"])
    start(cast, cast.mvp_dealer, cast.attendee, "direct")
    held = publish(cast, "announcement", "held")
    publishing.deliver_all(held)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    group = conversations.start_group(cast.event.id, [cast.attendee.id, cast.dealer.id], "group", by=cast.organizer)
    conversations.take_out(group.conversation.id, cast.dealer.id, by=cast.dealer)
    conversations.send(group.conversation.id, "after the dealer left", by=cast.attendee)
    return {str(message.id): message.content for message in Message.objects.all()}


ALL_OF_THE_ORGANIZERS = {"to all", "to the crew", "to dealers", "not delivered yet", "held", "group"}

# Written by hand.
HANDED = {
    "attendee": {"to all", "direct", "group"},
    "attendee_2": {"to all", "to the crew"},
    "dealer": {"to all", "to dealers", "group"},
    "mvp_dealer": {"to all"},
    "organizer": {"after the dealer left"},
    "moderator": {"to all", "to dealers"},
    "removed": {"to all", "to the crew"},
}
CONCERNING = {
    "attendee": {"to all", "not delivered yet"},
    "attendee_2": {"to all", "to the crew", "not delivered yet"},
    "dealer": {"to all", "to dealers"},
    "mvp_dealer": {"to all"},
    "organizer": {"to all"},
    "moderator": {"to all", "to dealers"},
}
OWN = {"attendee": {"after the dealer left"}, "mvp_dealer": {"direct"}, "organizer": ALL_OF_THE_ORGANIZERS}
DIRECT = {"direct", "group", "after the dealer left"}


def feed_of(who: str | None, model: str) -> set[str]:
    handed, own = HANDED.get(who, set()), OWN.get(who, set())
    return handed | own if model == "v1" else handed & DIRECT | own | CONCERNING.get(who, set())


def person(cast, who: str | None):
    return who and getattr(cast, who)


def texts(sql, told, statement: str, values=()) -> list[str]:
    return [told[str(message_id)] for (message_id,) in sql.rows(statement, values)]


@pytest.mark.parametrize("who", EVERYONE)
def test_each_finds_what_was_handed_to_them(cast, told, as_api, who):
    with as_api(person(cast, who)) as sql:
        found = texts(sql, told, "SELECT message_id FROM messaging_handed")
        assert len(found) == len(set(found))
        assert set(found) == HANDED.get(who, set())


@pytest.mark.parametrize("who", EVERYONE)
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_each_model_shows_each_their_own_feed(cast, told, as_api, who, model):
    with as_api(person(cast, who)) as sql:
        for ask in (f"SELECT message_id FROM feed_{model}(%s, %s, %s, 100)", None):
            ask = ask or f"SELECT message_id FROM feed_live(%s, %s, %s, 100, '{model}')"
            found = texts(sql, told, ask, [cast.event.id, *TOP])
            assert len(found) == len(set(found))
            assert set(found) == feed_of(who, model)


@pytest.mark.parametrize("who", EVERYONE)
def test_the_functions_that_see_more_tell_each_their_own(cast, told, as_api, who):
    with as_api(person(cast, who)) as sql:
        found = texts(sql, told, "SELECT message_id FROM feed_concerning(%s, %s, %s, 100)", [cast.event.id, *TOP])
        assert set(found) == CONCERNING.get(who, set())
        for model in ("v1", "v2"):
            found = texts(
                sql,
                told,
                "SELECT message_id FROM feed_entries(%s, %s, NULL, 0, 1, NULL, NULL, NULL, 100)",
                [cast.event.id, model],
            )
            assert set(found) <= (feed_of(who, model) if who in MEMBERS else set())


@pytest.mark.parametrize("who", EVERYONE)
def test_a_page_is_for_members(cast, told, as_api, who):
    values = [cast.event.id, None, *TOP, 100, feed.WORDING]
    with as_api(person(cast, who)) as sql:
        ((is_member, items),) = sql.rows("SELECT is_member, items FROM feed_page(%s, %s, %s, %s, %s, %s)", values)
        assert is_member == (who in MEMBERS)
        assert (items is None) == (who not in MEMBERS)
        ((is_member, unread),) = sql.rows("SELECT * FROM feed_unread(%s, 999)", [cast.event.id])
        assert (is_member, unread is None) == (who in MEMBERS, who not in MEMBERS)


@pytest.mark.parametrize("who", EVERYONE)
def test_a_marker_is_moved_by_members_for_what_is_in_their_feed(cast, told, as_api, who):
    for message_id, content in told.items():
        with as_api(person(cast, who)) as sql:
            ((is_member, is_found),) = sql.rows("SELECT * FROM feed_mark_read(%s, %s)", [cast.event.id, message_id])
            is_mine = who in MEMBERS and content in feed_of(who, "v1") | feed_of(who, "v2")
            assert (is_member, bool(is_found)) == (who in MEMBERS, is_mine)
            sql.rows("SELECT set_config('role', 'none', true)")
            assert FeedMarker.objects.count() == is_mine


def test_a_condition_that_is_added_sees_no_other_rows(cast, told, as_api):
    """A barrier: what a caller asks besides is asked of their own rows alone, so that an error tells nothing."""
    with as_api(cast.stranger) as sql:
        assert sql.rows("SELECT message_id FROM messaging_handed WHERE content::integer = 1") == []
    with as_api(cast.mvp_dealer) as sql, pytest.raises(DatabaseError, match='"to all"'):
        sql.rows("SELECT message_id FROM messaging_handed WHERE content::integer = 1")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM messaging_addressee",
        "SELECT * FROM messaging_feedmarker",
        "INSERT INTO messaging_feedmarker (user_id, event_id, read_message_id, read_upto)"
        " VALUES (callboard_uid(), callboard_uid(), callboard_uid(), now())",
        "DELETE FROM messaging_addressee",
        "UPDATE messaging_handed SET content = 'forged'",
        "DELETE FROM messaging_handed",
        "SELECT * FROM feed_page_as(callboard_uid(), NULL, NULL, callboard_uid(), NULL, now(), callboard_uid(), 1,"
        " '{}')",
        "SELECT * FROM feed_since_as(callboard_uid(), NULL, NULL, callboard_uid(), NULL, callboard_uid(), NULL, NULL,"
        " NULL, NULL, NULL, 1, '{}')",
        "SELECT * FROM messaging_addressed('{}', '{}')",
    ],
)
def test_the_rest_is_the_owners_alone(cast, told, as_api, statement):
    with as_api(cast.organizer) as sql, pytest.raises(DatabaseError, match="permission denied|cannot"):
        sql.rows(statement)


def test_the_view_is_a_barrier_and_runs_as_its_owner_on_purpose(cast):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        )
        assert cursor.fetchall() == [("messaging_handed", ["security_barrier=true"])]
