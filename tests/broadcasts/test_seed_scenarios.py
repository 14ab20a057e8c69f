"""The flows of the release plan that this system comes from, word for word, from end to end."""

from __future__ import annotations

import pytest

from messaging.models import Message
from tests.broadcasts.conftest import accept, finish


@pytest.fixture
def api(cast, api):
    """Everyone is signed in beforehand: a refusal leaves no trace, not even of that."""
    callers = {user.id: api(user) for user in vars(cast).values() if hasattr(user, "username")}
    return lambda user: callers[user.id]


def message(api, cast, by, to):
    return api(by).post(f"/events/{cast.event.id}/conversations", {"recipient_id": str(to.id), "content": "Hello"})


def broadcast(api, cast, by, *roles):
    body = {"kind": "announcement", "content": "Come and see", "roles": list(roles)}
    return api(by).post(f"/events/{cast.event.id}/broadcasts", body)


def test_attendee_to_mvp_dealer_dm_should_work(cast, api):
    assert message(api, cast, cast.attendee, cast.mvp_dealer).status_code == 201


def test_attendee_to_dealer_dm_blocked(cast, api, denied):
    denied(lambda: message(api, cast, cast.attendee, cast.dealer), 403, "permission_denied", reason="role")


def test_organizer_pre_show_broadcast_x2_3rd_blocked(cast, api, denied):
    assert [broadcast(api, cast, cast.organizer).status_code for _ in range(2)] == [201, 201]
    denied(lambda: broadcast(api, cast, cast.organizer), 429, "quota_exceeded")


def test_mvp_broadcast_to_attendees_ok_to_dealer_blocked(cast, api, denied):
    assert broadcast(api, cast, cast.mvp_dealer, "attendee").status_code == 201
    denied(lambda: broadcast(api, cast, cast.mvp_dealer, "dealer"), 403, "permission_denied", reason="role")


def test_moderator_soft_deletes_a_message_verify_placeholder(cast, api):
    started = message(api, cast, cast.attendee, cast.mvp_dealer).json()
    removed = api(cast.moderator).post(f"/messages/{started['message']['id']}/remove", {"reason": "Rude"})
    assert removed.status_code == 200
    for person in (cast.attendee, cast.mvp_dealer):
        found = api(person).get(f"/conversations/{started['conversation']['id']}/messages").json()["items"]
        assert [(one["content"], one["is_deleted"]) for one in found] == [
            ("This message was removed by a moderator.", True)
        ]
    assert Message.objects.get().content == "Hello"


@pytest.mark.parametrize("number", [55])
def test_legacy_chat_loads_all_historical_messages(cast, api, number):
    talk = message(api, cast, cast.attendee, cast.mvp_dealer).json()["conversation"]["id"]
    speakers = [api(cast.attendee), api(cast.mvp_dealer)]
    for each in range(number):
        speakers[each % 2].post(f"/conversations/{talk}/messages", {"content": f"Number {each}"})
    found, cursor = [], ""
    while cursor is not None:
        page = speakers[0].get(f"/conversations/{talk}/messages?limit=20{cursor and '&cursor='}{cursor}").json()
        found += [one["content"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert found == [*(f"Number {each}" for each in reversed(range(number))), "Hello"]


def test_what_was_broadcast_reaches_everyone_once(cast):
    done = finish(accept(cast))
    assert (done.status, done.message.deliveries.count()) == ("published", 5)
