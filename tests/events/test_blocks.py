"""PUT and DELETE /users/{id}/block, GET /blocks."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Block, Membership
from tests.conftest import join, make_event, make_user

NOBODY = "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41"


def address(user) -> str:
    return f"/users/{user.id}/block"


def pairs() -> list[tuple]:
    return list(Block.objects.values_list("blocker__username", "blocked__username"))


def test_block_stands_and_is_listed(cast, api, audited):
    assert api(cast.attendee).put(address(cast.dealer)).status_code == 204
    assert pairs() == [("attendee", "dealer")]
    block = Block.objects.get()
    assert api(cast.attendee).get("/blocks").json() == {
        "items": [
            {
                "user": {"id": str(cast.dealer.id), "username": "dealer", "name": "Dealer", "avatar_url": None},
                "created_at": block.created_at.isoformat().replace("+00:00", "Z"),
            }
        ],
        "next_cursor": None,
    }
    assert audited("block_made") == [(cast.attendee.id, str(block.id), {"user_id": str(cast.dealer.id)})]


def test_blocking_twice_is_once(cast, api, unchanged):
    caller = api(cast.attendee)
    caller.put(address(cast.dealer))
    with unchanged():
        assert caller.put(address(cast.dealer)).status_code == 204


def test_both_may_block_each_other_and_see_only_their_own(cast, api):
    for one, other in ((cast.attendee, cast.dealer), (cast.dealer, cast.attendee)):
        assert api(one).put(address(other)).status_code == 204
    assert len(pairs()) == 2
    for one, other in ((cast.attendee, cast.dealer), (cast.dealer, cast.attendee)):
        assert [item["user"]["id"] for item in api(one).get("/blocks").json()["items"]] == [str(other.id)]


def test_nobody_sees_who_blocked_them(cast, api):
    Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    assert api(cast.dealer).get("/blocks").json()["items"] == []
    assert api(cast.staff).get("/blocks").json()["items"] == []


@pytest.mark.parametrize("sanction", ["muted_until", "suspended_until"])
def test_sanctioned_may_block(cast, api, sanction):
    Membership.objects.filter(user=cast.attendee).update(**{sanction: timezone.now() + timedelta(hours=1)})
    assert api(cast.attendee).put(address(cast.dealer)).status_code == 204
    assert api(cast.attendee).delete(address(cast.dealer)).status_code == 204


@pytest.mark.parametrize("method", ["put", "delete"])
def test_who_shares_no_event_is_as_one_who_is_not_there(cast, api, refused, unchanged, method):
    join(make_event("second"), cast.stranger)
    caller = api(cast.attendee)
    answers = []
    with unchanged():
        for user_id in (cast.stranger.id, cast.removed.id, cast.staff.id, NOBODY, "dealer"):
            body = refused(getattr(caller, method)(f"/users/{user_id}/block"), 404, "not_found")
            answers.append({**body, "request_id": 0})
    assert all(answer == answers[0] for answer in answers)


def test_who_was_removed_blocks_nobody(cast, api, refused, unchanged):
    with unchanged():
        refused(api(cast.removed).put(address(cast.attendee)), 404, "not_found")


@pytest.mark.parametrize("method", ["put", "delete"])
def test_oneself_is_refused(cast, api, refused, unchanged, method):
    with unchanged():
        body = refused(getattr(api(cast.attendee), method)(address(cast.attendee)), 400, "validation_error")
    assert body["errors"] == [{"pointer": "#", "detail": "You cannot block yourself."}]


def test_block_is_taken_away(cast, api, audited):
    Block.objects.create(blocker=cast.dealer, blocked=cast.attendee)
    mine = Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    assert api(cast.attendee).delete(address(cast.dealer)).status_code == 204
    assert pairs() == [("dealer", "attendee")]
    assert audited("block_removed") == [(cast.attendee.id, str(mine.id), {"user_id": str(cast.dealer.id)})]


def test_taking_away_where_none_stood_answers_the_same(cast, api, unchanged):
    Block.objects.create(blocker=cast.dealer, blocked=cast.attendee)
    with unchanged():
        assert api(cast.attendee).delete(address(cast.dealer)).status_code == 204


def test_block_outlives_the_event_in_common_and_can_still_be_taken_away(cast, api, refused):
    caller = api(cast.attendee)
    caller.put(address(cast.dealer))
    Membership.objects.filter(user=cast.dealer).update(removed_at=timezone.now())
    assert len(caller.get("/blocks").json()["items"]) == 1
    assert caller.delete(address(cast.dealer)).status_code == 204
    refused(caller.delete(address(cast.dealer)), 404, "not_found")


def test_list_is_newest_first_by_pages_with_a_fixed_query_count(cast, api):
    caller = api(cast.attendee)
    now = timezone.now()
    for number in range(5):
        user = make_user(f"u{number}")
        Block.objects.create(blocker=cast.attendee, blocked=user, created_at=now + timedelta(seconds=number))
    seen, cursor, counts = [], "", set()
    while cursor is not None:
        with CaptureQueriesContext(connection) as captured:
            shown = caller.get(f"/blocks?limit=2{cursor and '&cursor=' + cursor}").json()
        counts.add(len(captured))
        seen += [item["user"]["username"] for item in shown["items"]]
        cursor = shown["next_cursor"]
    assert seen == ["u4", "u3", "u2", "u1", "u0"]
    assert len(counts) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_body_of_a_block_is_refused_after_what_is_addressed(api, cast, refused, method):
    caller = api(cast.attendee)
    body = refused(caller(method, f"/users/{cast.dealer.id}/block", {"why": "x"}), 400, "validation_error")
    assert body["errors"] == [{"pointer": "#/why", "detail": "There is no such field."}]
    refused(caller(method, f"/users/{cast.stranger.id}/block", {"why": "x"}), 404, "not_found")
    assert Block.objects.count() == 0
