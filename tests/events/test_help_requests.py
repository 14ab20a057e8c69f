"""POST and GET /events/{id}/help-requests, PATCH /help-requests/{id}."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.errors import InvalidState
from events import help_requests
from events.access import access_help_request
from events.models import HelpRequest, Membership
from tests.conftest import join, make_event

BODY = {"title": "Looking for a sleeve", "details": "Any size, hall A."}
MEMBERS = ["attendee", "dealer", "mvp_dealer", "organizer", "moderator"]


def ask(caller, cast, body=BODY, **headers):
    return caller.post(f"/events/{cast.event.id}/help-requests", body, **headers)


def make(cast, **fields) -> HelpRequest:
    return HelpRequest.objects.create(
        **{"event": cast.event, "requester": cast.attendee, "title": "Help", "details": "Please.", **fields}
    )


# --- Asking ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", MEMBERS)
def test_any_member_asks(cast, api, audited, who):
    user = getattr(cast, who)
    answer = ask(api(user), cast)
    kept = HelpRequest.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(kept.id),
        "event_id": str(cast.event.id),
        "requester": {"id": str(user.id), "username": user.username, "name": user.name, "avatar_url": None},
        **BODY,
        "status": "open",
        "created_at": kept.created_at.isoformat().replace("+00:00", "Z"),
        "my_conversation_id": None,
    }
    assert audited("help_request_made") == [(user.id, str(kept.id), {})]


def test_text_is_kept_in_its_clean_form(cast, api):
    body = {"title": "  Cafe\u0301 ", "details": "one\r\ntwo\rthree\t "}
    answer = ask(api(cast.attendee), cast, body).json()
    assert (answer["title"], answer["details"]) == ("Café", "one\ntwo\nthree")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/details", "#/title"]),
        ({**BODY, "title": " \n "}, ["#/title"]),
        ({**BODY, "title": "x" * 201}, ["#/title"]),
        ({**BODY, "details": "x" * 1001}, ["#/details"]),
        ({**BODY, "details": "a\u202eb"}, ["#/details"]),
        ({**BODY, "details": "a\u0000b"}, ["#/details"]),
        ({**BODY, "details": None}, ["#/details"]),
        ({**BODY, "title": 7}, ["#/title"]),
        ({**BODY, "status": "closed"}, ["#/status"]),
        ([], ["#"]),
    ],
)
def test_wrong_body_is_refused(cast, api, refused, unchanged, body, pointers):
    with unchanged():
        found = refused(ask(api(cast.attendee), cast, body), 400, "validation_error")
    assert sorted(error["pointer"] for error in found["errors"]) == pointers


@pytest.mark.parametrize("length", [1, 200])
def test_title_at_its_bounds_is_taken(cast, api, length):
    assert ask(api(cast.attendee), cast, {**BODY, "title": "é" * length}).status_code == 201


@pytest.mark.parametrize(("sanction", "reason"), [("muted_until", "muted"), ("suspended_until", "suspended")])
def test_sanctioned_do_not_ask(cast, api, refused, unchanged, sanction, reason):
    until = timezone.now() + timedelta(hours=1)
    Membership.objects.filter(user=cast.attendee).update(**{sanction: until})
    with unchanged():
        answer = ask(api(cast.attendee), cast)
    refused(answer, 403, "permission_denied", reason=reason, until=until.isoformat().replace("+00:00", "Z"))


def test_staff_without_membership_do_not_ask(cast, api, refused, unchanged):
    with unchanged():
        answer = ask(api(cast.staff), cast)
    refused(answer, 403, "permission_denied", reason="not_member")


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_asking_in_an_event_that_is_not_mine_is_not_found(cast, api, refused, unchanged, who):
    with unchanged():
        refused(ask(api(getattr(cast, who)), cast, {}), 404, "not_found")


def test_same_key_asks_once(cast, api):
    caller = api(cast.attendee)
    answers = [ask(caller, cast, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotency-Replayed"] == "true"
    assert HelpRequest.objects.count() == 1


# --- Listing ---------------------------------------------------------------------------------


def listed(caller, cast, query="") -> list[str]:
    answer = caller.get(f"/events/{cast.event.id}/help-requests{query}")
    assert answer.status_code == 200
    return [item["title"] for item in answer.json()["items"]]


@pytest.mark.parametrize("who", [*MEMBERS, "staff"])
def test_list_is_for_everyone_in_the_event(cast, api, who):
    now = timezone.now()
    for number, status in enumerate(["open", "in_progress", "closed"]):
        make(cast, title=status, status=status, created_at=now + timedelta(seconds=number))
    make(cast, title="elsewhere", event=make_event("second"))
    caller = api(getattr(cast, who))
    assert listed(caller, cast) == ["closed", "in_progress", "open"]
    assert listed(caller, cast, "?status=open") == ["open"]


def test_unknown_status_is_refused(cast, api, refused):
    answer = api(cast.attendee).get(f"/events/{cast.event.id}/help-requests?status=done")
    assert [error["pointer"] for error in refused(answer, 400, "validation_error")["errors"]] == ["?status"]


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_list_of_an_event_that_is_not_mine_is_not_found(cast, api, refused, who):
    refused(api(getattr(cast, who)).get(f"/events/{cast.event.id}/help-requests?status=done"), 404, "not_found")


def test_list_is_walked_while_new_ones_arrive(cast, api):
    moment = timezone.now()
    for number in range(5):
        make(cast, title=f"t{number}", created_at=moment)
    caller, seen, cursor = api(cast.attendee), [], ""
    while cursor is not None:
        shown = caller.get(f"/events/{cast.event.id}/help-requests?limit=2{cursor and '&cursor=' + cursor}").json()
        seen += [item["title"] for item in shown["items"]]
        cursor = shown["next_cursor"]
        make(cast, title="late")
    assert sorted(seen) == ["t0", "t1", "t2", "t3", "t4"]


def test_my_conversations_are_looked_up_at_once(cast, api, monkeypatch):
    asked = []
    conversation = UUID("0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41")

    def provider(user, ids):
        asked.append((user.id, len(ids)))
        return {ids[0]: conversation}

    monkeypatch.setattr(help_requests, "_conversations", provider)
    for _ in range(5):
        make(cast)
    items = api(cast.mvp_dealer).get(f"/events/{cast.event.id}/help-requests").json()["items"]
    assert [item["my_conversation_id"] for item in items] == [str(conversation), None, None, None, None]
    assert asked == [(cast.mvp_dealer.id, 5)]


def test_query_count_does_not_grow(cast, api):
    caller = api(cast.attendee)
    make(cast)
    with CaptureQueriesContext(connection) as few:
        listed(caller, cast)
    for _ in range(20):
        make(cast, requester=cast.dealer)
    with CaptureQueriesContext(connection) as many:
        assert len(listed(caller, cast)) == 21
    assert len(many) == len(few)


# --- Moving along ----------------------------------------------------------------------------

STATUSES = ["open", "in_progress", "closed"]


def move(caller, help_request, body):
    return caller.patch(f"/help-requests/{help_request.id}", body)


@pytest.mark.parametrize("after", STATUSES)
@pytest.mark.parametrize("before", STATUSES)
def test_owner_moves_it_anywhere(cast, api, before, after):
    request = make(cast, status=before)
    answer = move(api(cast.attendee), request, {"status": after})
    assert (answer.status_code, answer.json()["status"]) == (200, after)
    assert HelpRequest.objects.get().status == after


# Who may move the attendee's; by hand.
MOVES = {
    "attendee": None,
    "attendee_2": "role",
    "dealer": "role",
    "mvp_dealer": "role",
    "organizer": None,
    "moderator": None,
    "staff": "not_member",
}


@pytest.mark.parametrize(("who", "reason"), MOVES.items())
def test_who_moves_the_one_of_another(cast, api, refused, audited, who, reason):
    request, user = make(cast), getattr(cast, who)
    answer = move(api(user), request, {"status": "closed"})
    if reason:
        refused(answer, 403, "permission_denied", reason=reason)
    else:
        assert answer.status_code == 200
    assert HelpRequest.objects.get().status == ("open" if reason else "closed")
    moved = {"before": "open", "after": "closed"}
    expected = [(user.id, str(request.id), moved)] if who in ("organizer", "moderator") else []
    assert audited("help_request_moved") == expected


def test_staying_where_it_is_does_no_harm(cast, api, unchanged):
    request = make(cast)
    with unchanged():
        assert move(api(cast.organizer), request, {"status": "open"}).status_code == 200


@pytest.mark.parametrize("who", ["attendee", "organizer"])
def test_suspended_move_nothing(cast, api, refused, unchanged, who):
    request = make(cast)
    until = timezone.now() + timedelta(hours=1)
    Membership.objects.filter(user=getattr(cast, who)).update(suspended_until=until)
    with unchanged():
        answer = move(api(getattr(cast, who)), request, {"status": "closed"})
    refused(answer, 403, "permission_denied", reason="suspended")


def test_muted_still_close_their_own(cast, api):
    request = make(cast)
    Membership.objects.filter(user=cast.attendee).update(muted_until=timezone.now() + timedelta(hours=1))
    assert move(api(cast.attendee), request, {"status": "closed"}).status_code == 200


@pytest.mark.parametrize("body", [{}, {"status": "done"}, {"status": None}, {"status": "open", "title": "x"}, []])
def test_wrong_move_is_refused(cast, api, refused, unchanged, body):
    request = make(cast)
    with unchanged():
        refused(move(api(cast.attendee), request, body), 400, "validation_error")


def test_shape_comes_before_permission(cast, api, refused):
    refused(move(api(cast.dealer), make(cast), {"status": "done"}), 400, "validation_error")


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_one_that_is_not_mine_to_see_is_as_one_that_is_not_there(cast, api, refused, unchanged, who):
    request, caller = make(cast), api(getattr(cast, who))
    with unchanged():
        body = refused(move(caller, request, {}), 404, "not_found")
    absent = refused(caller.patch("/help-requests/0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41", {}), 404, "not_found")
    assert {**body, "request_id": 0} == {**absent, "request_id": 0}


def test_owner_who_was_removed_does_not_find_it(cast, api, refused):
    request = make(cast, requester=cast.removed)
    refused(move(api(cast.removed), request, {"status": "closed"}), 404, "not_found")


def test_slower_of_two_is_told(cast):
    request, seat = access_help_request(make(cast).id, by=cast.organizer)
    HelpRequest.objects.update(status="closed")
    with pytest.raises(InvalidState) as refused:
        help_requests.change_status(request, seat, by=cast.organizer, status="in_progress")
    assert refused.value.extras == {"current_state": "closed"}
    assert HelpRequest.objects.get().status == "closed"


def test_moves_are_of_every_status():
    assert {before: set(after) for before, after in help_requests.TRANSITIONS.items()} == {
        "open": {"in_progress", "closed"},
        "in_progress": {"open", "closed"},
        "closed": {"open", "in_progress"},
    }


def test_member_of_another_event_is_told_nothing(cast, api, refused):
    join(make_event("second"), cast.stranger, "organizer")
    refused(move(api(cast.stranger), make(cast), {"status": "closed"}), 404, "not_found")
