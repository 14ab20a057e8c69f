"""GET /features: what a person's requests in an event really use."""

from __future__ import annotations

import pytest

from rollout import features, names, read_models
from tests.conftest import make_event
from tests.proxy import proxied


def asked(caller, event) -> dict:
    response = caller.get(f"/features?event={event.id}")
    assert response.status_code == 200, response.content
    return response.json()


def test_before_the_bridge_everyone_uses_the_new_tables_and_under_v1_the_old_feed(cast, api):
    for who in ("attendee", "dealer", "organizer", "moderator"):
        assert asked(api(getattr(cast, who)), cast.event) == {"messaging_v2": True, "messages_readmodel_v2": False}


def test_the_flag_decides_for_each_person(cast, api, flag):
    flag(users=[cast.attendee])
    assert asked(api(cast.attendee), cast.event)["messages_readmodel_v2"] is True
    assert asked(api(cast.attendee_2), cast.event)["messages_readmodel_v2"] is False


def test_under_live_v2_everyone_has_it(cast, api, flag):
    flag(everyone=False)
    read_models.swap("v2")
    assert asked(api(cast.attendee), cast.event)["messages_readmodel_v2"] is True
    read_models.swap("v1")
    assert asked(api(cast.attendee), cast.event)["messages_readmodel_v2"] is False


def test_staff_without_a_membership_are_told_too(cast, api, flag):
    flag(staff=True)
    assert asked(api(cast.staff), cast.event) == {"messaging_v2": True, "messages_readmodel_v2": True}


@pytest.mark.parametrize("who", ["removed", "stranger"])
def test_an_event_that_is_not_mine_is_not_found(cast, api, refused, who):
    caller = api(getattr(cast, who))
    known = refused(caller.get(f"/features?event={cast.event.id}"), 404, "not_found")
    unknown = refused(caller.get("/features?event=0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41"), 404, "not_found")
    assert {**known, "request_id": ""} == {**unknown, "request_id": ""}


@pytest.mark.parametrize("query", ["", "?event=", "?event=show", "?event=1"])
def test_a_query_without_an_event_is_a_fault(cast, api, refused, query):
    body = refused(api(cast.attendee).get(f"/features{query}"), 400, "validation_error")
    assert [error["pointer"] for error in body["errors"]] == ["?event"]


def test_without_a_token_nothing_is_told(cast, api, refused):
    refused(api().get(f"/features?event={cast.event.id}"), 401, "not_authenticated")


def test_another_app_can_say_what_its_flag_really_does(cast, api, monkeypatch):
    monkeypatch.setattr(features, "_providers", dict(features._providers))
    other = make_event("other")
    features.register(names.MESSAGING_V2, lambda event_id: ("SELECT %s = %s AS is_used", [event_id, other.id]))
    assert asked(api(cast.attendee), cast.event)["messaging_v2"] is False
    assert asked(api(cast.staff), other)["messaging_v2"] is True


@pytest.mark.django_db(transaction=True)
def test_it_is_one_round_trip(cast, api):
    caller = api(cast.attendee)
    with proxied() as proxy:
        asked(caller, cast.event)
        proxy.trips = 0
        asked(caller, cast.event)
        assert proxy.trips == 1
