"""GET /events and GET /events/{id}."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Event, Membership
from tests.conftest import join, make_event


def as_json(moment) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_event_shows_what_i_am_in_it(cast, api):
    mine = Membership.objects.get(user=cast.attendee)
    Membership.objects.filter(id=mine.id).update(tags=["early-bird", "hall-a"])
    answer = api(cast.attendee).get(f"/events/{cast.event.id}")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(cast.event.id),
        "slug": "show",
        "name": "Show",
        "starts_at": as_json(cast.event.starts_at),
        "ends_at": as_json(cast.event.ends_at),
        "timezone": "Europe/Berlin",
        "role": "attendee",
        "tags": ["early-bird", "hall-a"],
        "joined_at": as_json(mine.joined_at),
    }


def test_staff_see_an_event_of_which_they_are_no_member(cast, api):
    shown = api(cast.staff).get(f"/events/{cast.event.id}").json()
    assert (shown["role"], shown["tags"], shown["joined_at"]) == (None, [], None)


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_event_that_is_not_mine_is_as_one_that_is_not_there(cast, api, refused, who):
    caller = api(getattr(cast, who))
    body = refused(caller.get(f"/events/{cast.event.id}"), 404, "not_found")
    absent = refused(caller.get("/events/0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41"), 404, "not_found")
    assert {**body, "request_id": 0} == {**absent, "request_id": 0}


def test_id_that_is_none_is_not_found(cast, api, refused):
    refused(api(cast.attendee).get("/events/show"), 404, "not_found")


def test_list_holds_mine_newest_first(cast, api):
    now = timezone.now()
    for days, slug in enumerate(["second", "third"], start=1):
        join(make_event(slug, created_at=now + timedelta(days=days)), cast.attendee)
    make_event("theirs")
    shown = api(cast.attendee).get("/events").json()
    assert [event["slug"] for event in shown["items"]] == ["third", "second", "show"]
    assert [event["role"] for event in shown["items"]] == ["attendee"] * 3
    assert shown["next_cursor"] is None


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_list_of_who_is_nowhere_is_empty(cast, api, who):
    assert api(getattr(cast, who)).get("/events").json() == {"items": [], "next_cursor": None}


def test_staff_list_holds_every_event_with_their_role_where_they_have_one(cast, api):
    join(make_event("second", created_at=timezone.now() + timedelta(days=1)), cast.staff, "organizer", tags=["crew"])
    shown = api(cast.staff).get("/events").json()["items"]
    assert [(event["slug"], event["role"], event["tags"]) for event in shown] == [
        ("second", "organizer", ["crew"]),
        ("show", None, []),
    ]


def test_list_is_walked_by_its_cursor(cast, api):
    moment = timezone.now()
    for number in range(5):  # all at one moment: the id decides
        join(make_event(f"e{number}", created_at=moment), cast.attendee)
    caller, seen, cursor = api(cast.attendee), [], ""
    while cursor is not None:
        shown = caller.get(f"/events?limit=2{cursor and '&cursor=' + cursor}").json()
        seen += [event["slug"] for event in shown["items"]]
        cursor = shown["next_cursor"]
    assert sorted(seen) == ["e0", "e1", "e2", "e3", "e4", "show"]


def test_list_refuses_a_wrong_limit(cast, api, refused):
    body = refused(api(cast.attendee).get("/events?limit=101"), 400, "validation_error")
    assert [error["pointer"] for error in body["errors"]] == ["?limit"]


def queries_of(call) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert call().status_code == 200
    return len(captured)


def test_query_counts_do_not_grow(cast, api):
    caller = api(cast.attendee)
    few = queries_of(lambda: caller.get("/events"))
    for number in range(20):
        join(make_event(f"e{number}"), cast.attendee)
    assert queries_of(lambda: caller.get("/events")) == few
    assert Event.objects.visible_to(cast.attendee).count() == 21


def test_me_lists_my_present_memberships(cast, api):
    second = make_event("second")
    mine = join(second, cast.attendee, "dealer", tags=["hall-b"])
    join(make_event("third"), cast.attendee, removed_at=timezone.now())
    shown = api(cast.attendee).get("/me").json()["memberships"]
    assert shown[0] == {
        "event_id": str(second.id),
        "role": "dealer",
        "tags": ["hall-b"],
        "joined_at": as_json(mine.joined_at),
    }
    assert [one["event_id"] for one in shown] == [str(second.id), str(cast.event.id)]


@pytest.mark.parametrize("address", ["/events", "/events/0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41"])
def test_token_is_needed(db, api, refused, address):
    refused(api().get(address), 401, "not_authenticated")
