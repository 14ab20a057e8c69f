"""Who sees which broadcasts, in lists and alone; and cancelling them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry
from api import maintenance
from broadcasts.models import Broadcast
from messaging.models import LogEntry
from tests.broadcasts.conftest import accept, finish, fresh, schedule, start, used
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change


@pytest.fixture
def three(cast):
    """The organizer's two and the MVP dealer's one, in this order."""
    return [accept(cast), schedule(cast), accept(cast, cast.mvp_dealer, kind="channel", roles=["attendee"])]


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["items"]]


# Whose broadcasts each sees, by hand; None is 403 role on the list and 404 on one.
SEES = {
    "organizer": ("organizer", "mvp_dealer"),
    "moderator": ("organizer", "mvp_dealer"),
    "staff": ("organizer", "mvp_dealer"),
    "mvp_dealer": ("mvp_dealer",),
    "attendee": None,
    "dealer": None,
}


@pytest.mark.parametrize("who", SEES)
def test_who_sees_what(cast, api, url, three, denied, who):
    caller, expected = api(getattr(cast, who)), SEES[who]
    seen = [one for one in reversed(three) if one.sender.username in (expected or ())]
    if expected is None:
        denied(lambda: caller.get(url), 403, "permission_denied", reason="role")
    else:
        assert ids(caller.get(url)) == [str(one.id) for one in seen]
    for one in three:
        if one in seen:
            assert caller.get(f"/broadcasts/{one.id}").json()["id"] == str(one.id)
        else:
            denied(lambda one=one: caller.get(f"/broadcasts/{one.id}"), 404, "not_found")
            denied(lambda one=one: caller.post(f"/broadcasts/{one.id}/cancel"), 404, "not_found")


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_to_others_there_is_nothing(cast, api, url, three, denied, who):
    caller = api(getattr(cast, who))
    for address in (url, f"/broadcasts/{three[0].id}", "/broadcasts/0198f2c6-2b31-7c4f-8d1a-0e9f8a7b6c5d"):
        denied(lambda address=address: caller.get(address), 404, "not_found")


def test_what_is_absent_and_what_is_not_mine_answer_alike(cast, api, three):
    caller = api(cast.attendee)
    answers = [caller.get(f"/broadcasts/{one}") for one in (three[0].id, "0198f2c6-2b31-7c4f-8d1a-0e9f8a7b6c5d", "x")]
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]


def test_authors_who_were_given_another_role_still_see_their_own(cast, api, url, three):
    change(cast, cast.mvp_dealer, role="attendee")
    assert ids(api(cast.mvp_dealer).get(url)) == [str(three[2].id)]


def test_an_organizer_of_another_event_sees_none_of_it(cast, api, three, denied):
    other = make_user("organizer_2")
    join(make_event("other"), other, "organizer")
    caller = api(other)
    denied(lambda: caller.get(f"/broadcasts/{three[0].id}"), 404, "not_found")


def test_the_suspended_still_read(cast, api, url, three):
    change(cast, cast.organizer, suspended_until=timezone.now() + timedelta(hours=1))
    assert len(ids(api(cast.organizer).get(url))) == 3


# --- Filters and pages -----------------------------------------------------------------------


def test_filters(cast, api, url, three):
    caller = api(cast.moderator)
    first, second, third = (str(one.id) for one in three)
    finish(three[0])
    assert ids(caller.get(f"{url}?status=scheduled")) == [second]
    assert ids(caller.get(f"{url}?status=published")) == [first]
    assert ids(caller.get(f"{url}?kind=channel")) == [third]
    assert ids(caller.get(f"{url}?sender={cast.organizer.id}")) == [second, first]
    assert ids(caller.get(f"{url}?sender={cast.organizer.id}&status=publishing")) == []
    assert ids(api(cast.mvp_dealer).get(f"{url}?sender={cast.organizer.id}")) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("status=gone", "?status"), ("kind=direct", "?kind"), ("sender=me", "?sender"), ("limit=0", "?limit"),
     ("limit=101", "?limit"), ("cursor=x", "?cursor")],
)  # fmt: skip
def test_wrong_filters(cast, api, url, denied, query, pointer):
    for caller in (api(cast.organizer), api(cast.attendee)):
        body = denied(lambda caller=caller: caller.get(f"{url}?{query}"), 400, "validation_error")
        assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_walking_the_pages_shows_every_one_once_while_new_ones_arrive(cast, api, url):
    made = [str(accept(cast, cast.mvp_dealer, roles=["attendee"]).id) for _ in range(7)]
    caller, seen, cursor = api(cast.organizer), [], ""
    while cursor is not None:
        answer = caller.get(f"{url}?limit=3{cursor and '&cursor='}{cursor}")
        seen += ids(answer)
        cursor = answer.json()["next_cursor"]
        accept(cast, cast.mvp_dealer, roles=["attendee"])
    assert seen == made[::-1]


def test_a_page_costs_the_same_however_long(cast, api, url):
    caller = api(cast.organizer)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert caller.get(url).status_code == 200
        return len(captured)

    accept(cast, cast.mvp_dealer, roles=["attendee"])
    caller.get(url)
    few = queries()
    for number in range(12):
        organizer = make_user(f"organizer_{number}")
        join(cast.event, organizer, "organizer")
        finish(accept(cast, organizer, sms=bool(number % 2), confirm=True))
    assert queries() == few


def test_each_shows_the_quota_of_its_sender(cast, api, url, three):
    by_sender = {item["sender_id"]: item["quota"] for item in api(cast.staff).get(url).json()["items"]}
    assert by_sender[str(cast.organizer.id)]["pre_event"] == {"limit": 2, "used": 2, "remaining": 0}
    assert by_sender[str(cast.mvp_dealer.id)]["pre_event"] == {"limit": None, "used": 1, "remaining": None}


# --- Cancelling ------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["organizer", "moderator", "staff"])
def test_a_scheduled_one_is_cancelled_by_its_author_or_a_moderator(cast, api, who):
    broadcast = schedule(cast)
    answer = api(getattr(cast, who)).post(f"/broadcasts/{broadcast.id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["quota"]["pre_event"]["used"] == used(cast.organizer) == 0
    assert fresh(broadcast).is_refunded
    entry = AuditEntry.objects.get(action="broadcast_cancelled")
    assert (entry.actor_id, entry.object_id) == (getattr(cast, who).id, str(broadcast.id))
    told = LogEntry.objects.filter(kind="broadcast.progress").last()
    assert (told.user_id, told.data["status"]) == (cast.organizer.id, "cancelled")


def test_an_mvp_dealer_cancels_their_own_and_no_other(cast, api, denied):
    own, other = schedule(cast, cast.mvp_dealer, roles=["attendee"]), schedule(cast)
    caller = api(cast.mvp_dealer)
    assert caller.post(f"/broadcasts/{own.id}/cancel").json()["status"] == "cancelled"
    denied(lambda: caller.post(f"/broadcasts/{other.id}/cancel"), 404, "not_found")


def test_the_muted_may_cancel_and_the_suspended_may_not(cast, api, denied):
    first, second = schedule(cast), schedule(cast)
    until = timezone.now() + timedelta(hours=1)
    change(cast, cast.organizer, muted_until=until)
    assert api(cast.organizer).post(f"/broadcasts/{first.id}/cancel").status_code == 200
    change(cast, cast.organizer, suspended_until=until)
    caller = api(cast.organizer)
    denied(
        lambda: caller.post(f"/broadcasts/{second.id}/cancel"), 403, "permission_denied", reason="suspended",
        until=until.isoformat().replace("+00:00", "Z"),
    )  # fmt: skip


@pytest.mark.parametrize("status", ["publishing", "published", "cancelled"])
def test_what_no_longer_waits_is_not_cancelled(cast, api, denied, status):
    broadcast = accept(cast) if status != "cancelled" else schedule(cast)
    caller = api(cast.organizer)
    if status == "published":
        finish(broadcast)
    if status == "cancelled":
        caller.post(f"/broadcasts/{broadcast.id}/cancel")
    denied(lambda: caller.post(f"/broadcasts/{broadcast.id}/cancel"), 409, "invalid_state", current_state=status)


def test_one_key_cancels_once(cast, api):
    broadcast = schedule(cast)
    caller = api(cast.organizer)
    answers = [caller.post(f"/broadcasts/{broadcast.id}/cancel", Idempotency_Key="c") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert used(cast.organizer) == 0


def test_a_body_that_says_anything_is_refused_after_looking_for_the_broadcast(cast, api, denied):
    broadcast = schedule(cast)
    author, other = api(cast.organizer), api(cast.attendee)
    denied(lambda: author.post(f"/broadcasts/{broadcast.id}/cancel", {"a": 1}), 400, "validation_error")
    denied(lambda: other.post(f"/broadcasts/{broadcast.id}/cancel", {"a": 1}), 404, "not_found")


def test_maintenance_stops_writes_and_not_reads(cast, api, url, three):
    maintenance.switch_on()
    caller = api(cast.organizer)
    for address in (url, f"{url}/preview", f"/broadcasts/{three[1].id}/cancel"):
        assert caller.post(address, {}).status_code == 503
    assert caller.get(url).status_code == caller.get(f"/broadcasts/{three[0].id}").status_code == 200


def test_removing_its_message_leaves_the_broadcast(cast, api, url):
    broadcast = finish(accept(cast))
    answer = api(cast.moderator).post(f"/messages/{broadcast.message_id}/remove", {"reason": "Wrong hall"})
    assert answer.status_code == 200
    assert ids(api(cast.organizer).get(url)) == [str(broadcast.id)]
    start(cast.event)
    assert Broadcast.objects.get().status == "published"
