"""POST /events/{id}/broadcasts: who may, what is taken, and what is there afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from broadcasts.models import Broadcast
from messaging.models import LogEntry, Message
from tests.broadcasts.conftest import BODY, accept, finish, fresh, readers, rows, start, used
from tests.conftest import join, make_user
from tests.messaging.conftest import change

SHAPE = {
    "id", "event_id", "sender_id", "kind", "content", "roles", "tags", "sms", "status", "created_at", "send_at",
    "valid_until", "published_at", "message_id", "audience", "progress", "failure_reason", "quota",
}  # fmt: skip
NOTHING = {"total": 0, "queued": 0, "sent": 0, "delivered": 0, "failed": 0, "suppressed": 0}


def soon(minutes: float = 30) -> str:
    return (timezone.now() + timedelta(minutes=minutes)).isoformat()


def test_one_at_once_stands_with_its_message_and_is_delivered_by_a_worker(cast, api, url):
    answer = api(cast.organizer).post(url, BODY)
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == SHAPE
    assert (body["status"], body["audience"], body["progress"]) == ("publishing", 5, NOTHING)
    assert (body["send_at"], body["valid_until"], body["published_at"], body["failure_reason"]) == (None,) * 4
    assert (body["roles"], body["tags"], body["sms"]) == ([], [], False)
    assert body["quota"]["pre_event"] == {"limit": 2, "used": 1, "remaining": 1}
    message = Message.objects.get()
    assert (str(message.id), message.message_type, message.content) == (
        body["message_id"], "announcement", BODY["content"],
    )  # fmt: skip
    done = finish(Broadcast.objects.get())
    assert (done.status, done.lease_token, done.lease_until) == ("published", None, None)
    shown = api(cast.organizer).get(f"/broadcasts/{done.id}").json()
    assert shown["progress"] == {**NOTHING, "total": 5, "delivered": 5}
    assert shown["published_at"] is not None
    assert readers(done) == {"attendee", "attendee_2", "dealer", "mvp_dealer", "moderator"}


def test_one_for_later_waits_and_has_no_message_yet(cast, api, url):
    send_at, until = soon(30), soon(90)
    body = api(cast.organizer).post(url, {**BODY, "send_at": send_at, "valid_until": until}).json()
    assert (body["status"], body["message_id"], body["audience"]) == ("scheduled", None, None)
    assert body["send_at"].replace("Z", "+00:00") == send_at
    assert body["valid_until"].replace("Z", "+00:00") == until
    assert rows() == {"Broadcast": 1, "Quota": 1, "Message": 0, "Delivery": 0}
    assert used(cast.organizer) == 1


def test_a_channel_message_goes_to_whom_it_concerns(cast, api, url):
    change(cast, cast.attendee, tags=["crew", "early"])
    change(cast, cast.dealer, tags=["crew"])
    body = {"kind": "channel", "content": "Crew only", "roles": ["attendee", "attendee"], "tags": [" crew ", "crew"]}
    answer = api(cast.organizer).post(url, body).json()
    assert (answer["kind"], answer["roles"], answer["tags"], answer["audience"]) == (
        "channel",
        ["attendee"],
        ["crew"],
        1,
    )
    assert readers(finish(Broadcast.objects.get())) == {"attendee"}


def test_a_channel_without_tags_is_allowed(cast, api, url):
    assert api(cast.organizer).post(url, {"kind": "channel", "content": "To all"}).json()["audience"] == 5


def test_who_joins_later_gets_no_delivery(cast):
    broadcast = accept(cast)
    join(cast.event, make_user("late"), joined_at=timezone.now())
    done = finish(broadcast)
    assert (done.audience, len(readers(done))) == (5, 5)
    assert "late" not in readers(done)


def test_who_left_in_between_gets_none_and_the_audience_stays_as_it_was(cast):
    broadcast = accept(cast)
    change(cast, cast.dealer, removed_at=timezone.now())
    done = finish(broadcast)
    assert (done.audience, len(readers(done))) == (5, 4)


def test_one_that_concerns_nobody_is_published_all_the_same(cast):
    done = finish(accept(cast, roles=["attendee"], tags=["nobody-has-this"]))
    assert (done.status, done.audience) == ("published", 0)


def test_rows_with_texts_stay_queued(cast, api):
    done = finish(accept(cast, sms=True, confirm=True))
    progress = api(cast.organizer).get(f"/broadcasts/{done.id}").json()["progress"]
    assert progress == {**NOTHING, "total": 5, "queued": 5}


def test_the_author_is_told_on_the_stream(cast):
    broadcast = finish(accept(cast))
    told = LogEntry.objects.filter(kind="broadcast.progress").order_by("id")
    assert {(entry.user_id, entry.event_id) for entry in told} == {(cast.organizer.id, cast.event.id)}
    assert [entry.data["status"] for entry in told] == ["publishing", "published"]
    assert told.last().data == {
        "broadcast_id": str(broadcast.id),
        "status": "published",
        "progress": {**NOTHING, "total": 5, "delivered": 5},
        "failure_reason": None,
    }


def test_it_is_in_the_audit_without_its_text(cast):
    broadcast = accept(cast)
    entry = AuditEntry.objects.get(action="broadcast_accepted")
    assert (entry.actor_id, entry.object_id, entry.event_id) == (cast.organizer.id, str(broadcast.id), cast.event.id)
    assert "Doors" not in str(entry.data)


def test_one_key_is_one_broadcast(cast, api, url):
    caller = api(cast.organizer)
    answers = [caller.post(url, BODY, Idempotency_Key="one") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 1
    assert rows() == {"Broadcast": 1, "Quota": 1, "Message": 1, "Delivery": 0}
    assert used(cast.organizer) == 1


# --- Who may: rows are roles, by hand --------------------------------------------------------

ALLOWED = {
    "organizer": [[], ["attendee"], ["dealer", "moderator"], ["attendee", "dealer", "mvp_dealer", "organizer"]],
    "mvp_dealer": [["attendee"]],
}
REFUSED = {
    "mvp_dealer": [[], ["dealer"], ["attendee", "dealer"], ["mvp_dealer"], ["organizer"], ["moderator"]],
    "attendee": [[], ["attendee"], ["dealer"]],
    "dealer": [[], ["attendee"], ["dealer"]],
    "moderator": [[], ["attendee"], ["moderator"]],
}


@pytest.mark.parametrize(("who", "roles"), [(who, roles) for who, lists in ALLOWED.items() for roles in lists])
def test_who_may(cast, api, url, who, roles):
    answer = api(getattr(cast, who)).post(url, {**BODY, "roles": roles})
    assert (answer.status_code, answer.json()["roles"]) == (201, roles)


@pytest.mark.parametrize(("who", "roles"), [(who, roles) for who, lists in REFUSED.items() for roles in lists])
@pytest.mark.parametrize("place", ["", "/preview"])
def test_who_may_not(cast, api, url, denied, who, roles, place):
    caller = api(getattr(cast, who))
    denied(lambda: caller.post(url + place, {**BODY, "roles": roles}), 403, "permission_denied", reason="role")


def test_an_mvp_dealer_who_names_no_role_is_refused(cast, api, url, denied):
    caller = api(cast.mvp_dealer)
    denied(lambda: caller.post(url, BODY), 403, "permission_denied", reason="role")


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_an_event_that_is_not_mine_is_not_found(cast, api, url, denied, who):
    caller = api(getattr(cast, who))
    denied(lambda: caller.post(url, {"nonsense": 1}), 404, "not_found")


def test_staff_without_a_membership_send_nothing(cast, api, url, denied):
    caller = api(cast.staff)
    denied(lambda: caller.post(url, BODY), 403, "permission_denied", reason="not_member")


@pytest.mark.parametrize(("field", "reason"), [("muted_until", "muted"), ("suspended_until", "suspended")])
def test_sanctions_stop_it(cast, api, url, denied, field, reason):
    until = timezone.now() + timedelta(hours=1)
    change(cast, cast.organizer, **{field: until})
    caller = api(cast.organizer)
    shown = until.isoformat().replace("+00:00", "Z")
    denied(lambda: caller.post(url, BODY), 403, "permission_denied", reason=reason, until=shown)


# --- Shapes ----------------------------------------------------------------------------------

WRONG = {
    "#/kind": [{"kind": "direct"}, {"kind": None}, {"kind": 1}],
    "#/content": [
        {"content": ""},
        {"content": " \n "},
        {"content": "x" * 1001},
        {"content": "a\u202eb"},
        {"content": 5},
    ],
    "#/roles": [{"roles": None}, {"roles": "attendee"}],
    "#/roles/0": [{"roles": ["guest"]}, {"roles": [1]}],
    "#/tags": [{"tags": None}, {"tags": "crew"}, {"tags": [str(n) for n in range(51)]}],
    "#/tags/0": [
        {"tags": [""]},
        {"tags": ["x" * 51]},
        {"tags": [3]},
        {"tags": ["a\x00b"]},
        {"tags": ["a\nb"]},
        {"tags": ["a\tb"]},
    ],
    "#/send_at": [{"send_at": "tomorrow"}, {"send_at": "2026-07-01T10:00:00"}, {"send_at": 5}],
    "#/valid_until": [{"valid_until": "never"}],
    "#/sms": [{"sms": 1}, {"sms": "yes"}, {"sms": None}],
    "#/confirm": [{"confirm": "true"}],
    "#/colour": [{"colour": "red"}],
}


@pytest.mark.parametrize(("pointer", "values"), [(at, values) for at, wrong in WRONG.items() for values in wrong])
@pytest.mark.parametrize("place", ["", "/preview"])
def test_what_is_wrong_is_pointed_at(cast, api, url, denied, pointer, values, place):
    caller = api(cast.organizer)
    body = denied(lambda: caller.post(url + place, {**BODY, **values}), 400, "validation_error")
    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_the_shape_is_looked_at_before_the_right_and_the_time_after_it(cast, api, url, denied):
    caller = api(cast.attendee)
    denied(lambda: caller.post(url, {**BODY, "kind": "x"}), 400, "validation_error")
    denied(lambda: caller.post(url, {**BODY, "send_at": soon(-5)}), 403, "permission_denied", reason="role")


@pytest.mark.parametrize(
    ("values", "pointers"),
    [
        ({"send_at": -1}, ["#/send_at"]),
        ({"valid_until": -1}, ["#/valid_until"]),
        ({"send_at": 20, "valid_until": 20}, ["#/valid_until"]),
        ({"send_at": 20, "valid_until": 10}, ["#/valid_until"]),
        ({"send_at": -20, "valid_until": -10}, ["#/send_at", "#/valid_until"]),
    ],
)
def test_times_lie_ahead(cast, api, url, denied, values, pointers):
    caller, now = api(cast.organizer), timezone.now()
    body = {**BODY, **{name: (now + timedelta(minutes=value)).isoformat() for name, value in values.items()}}
    answer = denied(lambda: caller.post(url, body), 400, "validation_error")
    assert [error["pointer"] for error in answer["errors"]] == pointers


def test_null_stands_for_no_time(cast, api, url):
    assert api(cast.organizer).post(url, {**BODY, "send_at": None, "valid_until": None}).status_code == 201


# --- The end of the quota --------------------------------------------------------------------


def test_the_third_before_the_event_is_refused_and_says_when_to_come_back(cast, api, url, denied):
    caller = api(cast.organizer)
    assert [caller.post(url, BODY).status_code for _ in range(2)] == [201, 201]
    answers = []

    def call():
        answers.append(caller.post(url, BODY, Idempotency_Key="third"))
        return answers[-1]

    body = denied(call, 429, "quota_exceeded")
    quota = body["quota"]
    assert quota["phase"] == "pre_event"
    assert quota["pre_event"] == {"limit": 2, "used": 2, "remaining": 0}
    assert quota["post_event"] == {"limit": 1, "used": 0, "remaining": 1}
    until = timezone.datetime.fromisoformat(quota["resets_at"])
    wait = (until - timezone.now()).total_seconds()
    assert 0 <= int(answers[0]["Retry-After"]) - wait < 30
    start(cast.event)
    assert caller.post(url, BODY, Idempotency_Key="third").status_code == 201


def test_the_phase_is_that_of_the_moment_of_acceptance(cast, api, url, refused):
    broadcast = accept(cast, send_at=cast.event.starts_at + timedelta(hours=2))
    assert (broadcast.quota_phase, used(cast.organizer), used(cast.organizer, "post_event")) == ("pre_event", 1, 0)
    start(cast.event)
    caller = api(cast.organizer)
    assert caller.post(url, BODY).json()["quota"]["phase"] == "post_event"
    refused(caller.post(url, BODY), 429, "quota_exceeded")
    assert fresh(broadcast).status == "scheduled"


def test_each_organizer_has_a_quota_of_their_own(cast, api, url, refused):
    other = make_user("organizer_2")
    join(cast.event, other, "organizer")
    for person in (cast.organizer, other):
        assert [api(person).post(url, BODY).status_code for _ in range(3)] == [201, 201, 429]


def test_an_mvp_dealer_has_no_limit_unless_one_is_set(cast, api, url, settings):
    caller, body = api(cast.mvp_dealer), {**BODY, "roles": ["attendee"]}
    answers = [caller.post(url, body) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201] * 5
    assert answers[-1].json()["quota"]["pre_event"] == {"limit": None, "used": 5, "remaining": None}
    settings.BROADCAST_QUOTAS = {**settings.BROADCAST_QUOTAS, "mvp_dealer": (6, 0)}
    assert [caller.post(url, body).status_code for _ in range(2)] == [201, 429]
    start(cast.event)
    assert caller.post(url, body).status_code == 429
