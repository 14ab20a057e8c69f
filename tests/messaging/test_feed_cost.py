"""What the feed costs the database: one round trip, and no more rows than it shows, whatever there is beside them."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from api.database import acting_as
from messaging import feed, publishing
from messaging.reads import TOP
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change, start
from tests.messaging.feeds import publish, use
from tests.messaging.test_lists_cost import rows_looked_at
from tests.proxy import proxied

MODELS = ("v1", "v2")
PAGE = 51
# Of each source one row more than the page may be looked at, and each has its message and its sender. Before PostgreSQL
# 18 a plan rounds the rows of a loop to whole ones.
MOST_ROWS = 13 * PAGE
INDEX_SCANS_ONLY = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    **{f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")},
}


@pytest.fixture
def crowd(cast):
    """Fifty members with a tag each, so that a fan-out is one."""
    for number in range(45):
        join(cast.event, make_user(f"guest_{number}"), tags=["crew"] if number % 2 else [])
    change(cast, cast.attendee, tags=["crew", "early"])
    return cast


def fill(cast, number: int, *, tags: str = "{}", talk=None):
    """So many announcements with their deliveries, and half as many direct messages to the attendee and from them."""
    talk = talk or start(cast, cast.mvp_dealer, cast.attendee)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_message (id, event_id, message_type, sender_id, content, roles, tags, created_at)"
            " SELECT gen_random_uuid(), %s, 'announcement', %s, 'x', '{}', %s::text[],"
            " clock_timestamp() + n * interval '1 millisecond' FROM generate_series(1, %s) AS n",
            [cast.event.id, cast.organizer.id, tags, number],
        )
        cursor.execute(
            "INSERT INTO messaging_message (id, event_id, conversation_id, message_type, sender_id, content, roles,"
            " tags, created_at) SELECT gen_random_uuid(), %s, %s, 'direct', CASE WHEN n %% 2 = 0 THEN %s ELSE %s END,"
            " 'x', '{}', '{}', clock_timestamp() + n * interval '2 millisecond' FROM generate_series(1, %s) AS n",
            [cast.event.id, talk.id, cast.mvp_dealer.id, cast.attendee.id, number // 2],
        )
        cursor.execute(
            "INSERT INTO messaging_delivery (message_id, user_id, event_id, sender_id, message_created_at, is_at_large)"
            " SELECT id, %s, event_id, sender_id, created_at, conversation_id IS NULL FROM messaging_message"
            " WHERE sender_id <> %s AND (conversation_id IS NOT NULL OR tags = '{}') ON CONFLICT DO NOTHING",
            [cast.attendee.id, cast.attendee.id],
        )
        cursor.execute("ANALYZE messaging_message, messaging_delivery, messaging_addressee, events_membership")
    return talk


def plan_of(model: str, cast, person) -> dict:
    """As `feed_live` runs it: with its settings, and prepared for any limit."""
    text = f"SELECT * FROM feed_{model}($1, $2, $3, $4)"
    with acting_as(person), connection.cursor() as cursor:
        for name, value in INDEX_SCANS_ONLY.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute(f"PREPARE asked(uuid, timestamptz, uuid, integer) AS {text}")
        try:
            moment, message_id = TOP
            cursor.execute(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
                f" EXECUTE asked('{cast.event.id}', '{moment.isoformat()}', '{message_id}', {PAGE})"
            )
            (found,) = cursor.fetchone()
        finally:
            cursor.execute("DEALLOCATE asked")
            # Joined transactions keep what was set until their end.
            for name in INDEX_SCANS_ONLY:
                cursor.execute(f"SET LOCAL {name} TO DEFAULT")
    found = json.loads(found) if isinstance(found, str) else found
    return found[0]["Plan"]


def nodes(plan: dict):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def ways(plan: dict) -> set[str]:
    """How tables are read."""
    return {node["Node Type"] for node in nodes(plan) if "Relation Name" in node}


def test_the_settings_are_those_of_the_functions(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, proconfig FROM pg_proc WHERE proname IN"
            " ('feed_live', 'feed_concerning', 'feed_since', 'feed_entries', 'feed_unread')"
        )
        found = dict(cursor.fetchall())
    expected = {f"{name}={value}" for name, value in INDEX_SCANS_ONLY.items()}
    assert len(found) == 5
    for name, config in found.items():
        assert expected <= set(config), name


@pytest.mark.parametrize("model", MODELS)
def test_a_page_is_index_scans_and_as_many_rows_as_it_shows_in_a_large_event(crowd, model):
    fill(crowd, 30_000)
    plan = plan_of(model, crowd, crowd.attendee)
    assert plan["Actual Rows"] == PAGE
    assert ways(plan) <= {"Index Scan", "Index Only Scan"}
    assert not [node for node in nodes(plan) if node["Node Type"] in ("Hash Join", "Merge Join", "Bitmap Heap Scan")]
    # What is sorted is at most what the function of the database hands out, never a table.
    assert all(node["Actual Rows"] <= PAGE for node in nodes(plan) if node["Node Type"] == "Sort")
    assert rows_looked_at(plan) < MOST_ROWS


@pytest.mark.parametrize("model", MODELS)
def test_ten_times_as_many_messages_touch_no_more(crowd, model):
    talk = fill(crowd, 1000)
    before = plan_of(model, crowd, crowd.attendee)
    fill(crowd, 10_000, talk=talk)
    after = plan_of(model, crowd, crowd.attendee)
    assert rows_looked_at(after) <= rows_looked_at(before) * 1.1
    # One level more of an index is allowed for, no more.
    assert pages_touched(after) <= pages_touched(before) * 1.5


def pages_touched(plan: dict) -> int:
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def concerning_plan(cast, person) -> dict:
    """The statement inside `feed_concerning`, as its body has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'feed_concerning'")
        (body,) = cursor.fetchone()
    text = body[body.index("SELECT") : body.rindex(";", 0, body.rindex("END"))]
    moment, message_id = TOP
    given = {"place": str(cast.event.id), "upto_id": str(message_id), "upto": moment.isoformat()}
    for name, value in given.items():
        text = (
            text.replace(f"= {name}", f"= '{value}'")
            .replace(f"({name}", f"('{value}'")
            .replace(f", {name})", f", '{value}')")
        )
    text = text.replace("LIMIT most", f"LIMIT {PAGE}").replace("public.callboard_uid()", f"'{person.id}'")
    with connection.cursor() as cursor:
        for name, value in INDEX_SCANS_ONLY.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}")
        (found,) = cursor.fetchone()
        for name in INDEX_SCANS_ONLY:
            cursor.execute(f"SET LOCAL {name} TO DEFAULT")
    found = json.loads(found) if isinstance(found, str) else found
    return found[0]["Plan"]


def test_what_concerns_others_costs_nothing(crowd):
    """Twenty thousand messages to others stand before the one that concerns me."""
    mine = publish(crowd, "channel", "Mine", tags=["early"])
    fill(crowd, 20_000, tags="{other}")
    plan = concerning_plan(crowd, crowd.attendee)
    assert plan["Actual Rows"] == 1
    assert ways(plan) <= {"Index Scan", "Index Only Scan"}
    assert rows_looked_at(plan) < 100
    with acting_as(crowd.attendee), connection.cursor() as cursor:
        cursor.execute("SELECT message_id FROM feed_concerning(%s, %s, %s, 51)", [crowd.event.id, *TOP])
        assert cursor.fetchall() == [(mine.id,)]


def test_keys_of_what_concerns_me_end_with_the_page(crowd):
    talk = fill(crowd, 20_000)
    fill(crowd, 1000, tags="{crew,early}", talk=talk)
    plan = concerning_plan(crowd, crowd.attendee)
    assert plan["Actual Rows"] == PAGE
    # Six ranges, of which three hold something, each read up to the page.
    assert rows_looked_at(plan) < 20 * PAGE


def test_other_events_cost_nothing(crowd):
    """A person in many events reads one."""
    fill(crowd, 500)
    before = {model: rows_looked_at(plan_of(model, crowd, crowd.attendee)) for model in MODELS}
    for number in range(30):
        other = make_event(f"other-{number}")
        for person, role in ((crowd.attendee, "attendee"), (crowd.organizer, "organizer")):
            join(other, person, role)
        publishing.deliver_all(
            publishing.publish(by=crowd.organizer, event_id=other.id, message_type="announcement", content="x")
        )
    assert {model: rows_looked_at(plan_of(model, crowd, crowd.attendee)) for model in MODELS} == before


# --- Round trips ---------------------------------------------------------------------------------


def trips_of(call) -> int:
    """Of a call whose token is remembered and whose statements are prepared."""
    with proxied() as proxy:
        call()
        call()
        proxy.trips = 0
        call()
        return proxy.trips


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("number", [1, 40])
def test_a_feed_is_one_round_trip_with_its_token(transactional_db, cast, api, model, number):
    use(model)
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    anchor = talk.messages.get()
    for count in range(number):
        publishing.deliver_all(publish(cast, "announcement", str(count)))
    caller, address = api(cast.attendee), f"/events/{cast.event.id}/feed"
    answers = []
    for path in (address, f"{address}?since={anchor.id}", f"/events/{cast.event.id}/unread"):
        assert trips_of(lambda path=path: answers.append(caller.get(path))) == 1
    body = {"message_id": str(anchor.id)}
    assert trips_of(lambda: answers.append(caller.post(f"{address}/read", body))) == 1
    assert {answer.status_code for answer in answers} == {200, 204}
    assert feed.MOST_UNREAD == 999
