"""GET /events/{id}/members."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Block, Membership
from tests.conftest import join, make_event, make_user

# Whom each of the cast may open a conversation with, by hand.
CAN_MESSAGE = {
    "attendee": {"mvp_dealer"},
    "dealer": set(),
    "mvp_dealer": {"attendee", "attendee_2", "dealer", "organizer"},
    "organizer": {"attendee", "attendee_2", "dealer", "mvp_dealer", "moderator"},
    "moderator": {"attendee", "attendee_2", "dealer", "mvp_dealer", "organizer"},
    "staff": set(),
}
MEMBERS = ["attendee", "attendee_2", "dealer", "moderator", "mvp_dealer", "organizer"]


def members(caller, cast, query="") -> dict:
    answer = caller.get(f"/events/{cast.event.id}/members{query}")
    assert answer.status_code == 200
    names = {str(getattr(cast, name).id): name for name in (*MEMBERS, "staff", "removed", "stranger")}
    return {names[item["user_id"]]: item for item in answer.json()["items"]}


def reachable(caller, cast) -> set[str]:
    return {name for name, item in members(caller, cast).items() if item["can_message"]}


@pytest.mark.parametrize("who", CAN_MESSAGE)
def test_can_message_follows_the_matrix(cast, api, who):
    found = members(api(getattr(cast, who)), cast)
    assert sorted(found) == MEMBERS
    assert {name for name, item in found.items() if item["can_message"]} == CAN_MESSAGE[who]


def test_item_has_its_fields(cast, api):
    item = members(api(cast.attendee), cast)["mvp_dealer"]
    assert item == {
        "user_id": str(cast.mvp_dealer.id),
        "name": "Mvp Dealer",
        "avatar_url": None,
        "role": "mvp_dealer",
        "can_message": True,
    }


def test_block_closes_it_both_ways_and_for_nobody_else(cast, api):
    Block.objects.create(blocker=cast.mvp_dealer, blocked=cast.attendee)
    assert reachable(api(cast.attendee), cast) == set()
    assert reachable(api(cast.mvp_dealer), cast) == {"attendee_2", "dealer", "organizer"}
    assert reachable(api(cast.attendee_2), cast) == {"mvp_dealer"}


@pytest.mark.parametrize("sanction", ["muted_until", "suspended_until"])
def test_sanction_closes_it_while_it_runs(cast, api, sanction):
    mine = Membership.objects.filter(user=cast.organizer)
    mine.update(**{sanction: timezone.now() + timedelta(hours=1)})
    assert reachable(api(cast.organizer), cast) == set()
    mine.update(**{sanction: timezone.now() - timedelta(seconds=1)})
    assert reachable(api(cast.organizer), cast) == CAN_MESSAGE["organizer"]


def test_role_filters(cast, api):
    assert sorted(members(api(cast.attendee), cast, "?role=attendee")) == ["attendee", "attendee_2"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("attendee", ["attendee", "attendee_2"]),
        ("DEAL", ["dealer", "mvp_dealer"]),
        ("dealer%20mvp", ["mvp_dealer"]),
        ("attendee&role=dealer", []),
        # A sign that means something to the database means itself here.
        ("%25", []),
        ("_", []),
        # Usernames are not what people are called: this one is in none of their names.
        ("attendee_2", []),
    ],
)
def test_name_filters_by_its_words(cast, api, words, expected):
    assert sorted(members(api(cast.attendee), cast, f"?name={words}")) == expected


def test_people_are_named_by_their_ids(cast, api):
    ids = f"{cast.dealer.id},{cast.attendee.id},{cast.removed.id},{cast.stranger.id}"
    assert sorted(members(api(cast.attendee), cast, f"?user_id={ids}")) == ["attendee", "dealer"]


@pytest.mark.parametrize("query", ["name=", "name=%20", "name=" + "x" * 101, "name=%00", "user_id=", "user_id=me"])
def test_wrong_filter_is_refused(cast, api, refused, query):
    body = refused(api(cast.attendee).get(f"/events/{cast.event.id}/members?{query}"), 400, "validation_error")
    assert [error["pointer"] for error in body["errors"]] == ["?" + query.partition("=")[0]]


def test_more_people_than_a_page_holds_are_not_named_at_once(cast, api, refused):
    query = "user_id=" + ",".join([str(cast.dealer.id)] * 101)
    refused(api(cast.attendee).get(f"/events/{cast.event.id}/members?{query}"), 400, "validation_error")


@pytest.mark.parametrize("role", ["guest", "", "Attendee"])
def test_unknown_role_is_refused(cast, api, refused, role):
    answer = api(cast.attendee).get(f"/events/{cast.event.id}/members?role={role}")
    body = refused(answer, 400, "validation_error")
    assert [error["pointer"] for error in body["errors"]] == ["?role"]


def test_event_comes_before_the_query(cast, api, refused):
    refused(api(cast.stranger).get(f"/events/{cast.event.id}/members?role=guest"), 404, "not_found")


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_members_of_an_event_that_is_not_mine_are_not_found(cast, api, refused, who):
    refused(api(getattr(cast, who)).get(f"/events/{cast.event.id}/members"), 404, "not_found")


def test_members_of_another_event_stay_out(cast, api):
    join(make_event("second"), cast.stranger)
    assert "stranger" not in members(api(cast.organizer), cast)


def test_list_is_walked_by_its_cursor(cast, api):
    caller, seen, cursor = api(cast.organizer), [], ""
    while cursor is not None:
        shown = caller.get(f"/events/{cast.event.id}/members?limit=4{cursor and '&cursor=' + cursor}").json()
        seen += [item["user_id"] for item in shown["items"]]
        cursor = shown["next_cursor"]
    assert len(seen) == len(set(seen)) == 6


def test_query_count_does_not_grow(cast, api):
    caller = api(cast.organizer)
    with CaptureQueriesContext(connection) as few:
        members(caller, cast)
    newcomers = [make_user(f"u{number}") for number in range(30)]
    for user in newcomers:
        join(cast.event, user)
        Block.objects.create(blocker=cast.organizer, blocked=user)
    with CaptureQueriesContext(connection) as many:
        answer = caller.get(f"/events/{cast.event.id}/members")
    assert len(answer.json()["items"]) == 36
    assert len(many) == len(few)
