"""GET /conversations/{id}/messages."""

from __future__ import annotations

import pytest
from django.utils import timezone

from messaging import conversations, messages
from messaging.models import Message


def page(api, user, talk, query="") -> dict:
    answer = api(user).get(f"/conversations/{talk.id}/messages{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def contents(found: dict) -> list[str]:
    return [item["content"] for item in found["items"]]


def say(talk, by, *contents):
    return [conversations.send(talk.id, content, by=by) for content in contents]


def test_newest_first_and_whole(cast, api, direct):
    (reply,) = say(direct, cast.attendee, "And hello to you")
    found = page(api, cast.mvp_dealer, direct)
    first = Message.objects.get(content="Hello")
    fixed = {"conversation_id": str(direct.id), "event_id": str(cast.event.id), "message_type": "direct"}
    assert found == {
        "items": [
            {
                "id": str(message.id),
                **fixed,
                "sender_id": str(sender.id),
                "sender_name": sender.name,
                "sender_avatar_url": None,
                "content": message.content,
                "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
                "is_own_message": is_own,
                "is_deleted": False,
                "is_held": False,
            }
            for message, sender, is_own in ((reply, cast.attendee, False), (first, cast.mvp_dealer, True))
        ],
        "next_cursor": None,
    }


def test_what_was_sent_is_what_is_listed(cast, api, direct):
    caller = api(cast.attendee)
    sent = caller.post(f"/conversations/{direct.id}/messages", {"content": "Hi"}).json()
    assert caller.get(f"/conversations/{direct.id}/messages").json()["items"][0] == sent


def test_those_of_another_conversation_of_mine_are_not_among_them(cast, api, direct, group):
    say(direct, cast.attendee, "Between us")
    say(group, cast.attendee, "To all of you")
    assert contents(page(api, cast.attendee, direct)) == ["Between us", "Hello"]
    assert contents(page(api, cast.attendee, group)) == ["To all of you", "Welcome"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=W10"])
def test_a_wrong_query_names_its_parameter(cast, api, refused, direct, query):
    told = refused(api(cast.attendee).get(f"/conversations/{direct.id}/messages?{query}"), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == [f"?{query.partition('=')[0]}"]


def test_a_walk_while_more_is_said_shows_each_once(cast, api, direct):
    say(direct, cast.attendee, *(f"number {number}" for number in range(8)))
    seen, query = [], "?limit=4"
    while query:
        found = page(api, cast.attendee, direct, query)
        say(direct, cast.mvp_dealer, "in between")
        seen += contents(found)
        query = found["next_cursor"] and f"?limit=4&cursor={found['next_cursor']}"
    assert seen == [*(f"number {number}" for number in reversed(range(8))), "Hello"]


def test_messages_of_one_moment_are_all_shown(cast, api, direct):
    say(direct, cast.attendee, "one", "two", "three")
    Message.objects.update(created_at=timezone.now())
    first = page(api, cast.attendee, direct, "?limit=2")
    second = page(api, cast.attendee, direct, f"?limit=2&cursor={first['next_cursor']}")
    found = [item["id"] for item in first["items"] + second["items"]]
    assert found == sorted((str(one) for one in Message.objects.values_list("id", flat=True)), reverse=True)
    assert second["next_cursor"] is None


def test_fifty_by_default_and_a_hundred_at_most(cast, api, direct):
    say(direct, cast.attendee, *(["x"] * 105))
    assert len(page(api, cast.attendee, direct)["items"]) == 50
    assert len(page(api, cast.attendee, direct, "?limit=100")["items"]) == 100


def test_deleted_ones_stay_in_their_place(cast, api, direct):
    removed, deleted, restored = say(direct, cast.attendee, "one", "two", "three")
    messages.remove(removed.id, reason="x", by=cast.moderator)
    messages.delete(deleted.id, by=cast.attendee)
    messages.remove(restored.id, reason="x", by=cast.moderator)
    messages.restore(restored.id, by=cast.moderator)
    for viewer in (cast.attendee, cast.mvp_dealer):
        found = page(api, viewer, direct)
        assert [(item["content"], item["is_deleted"]) for item in found["items"]] == [
            ("three", False),
            ("This message was deleted.", True),
            ("This message was removed by a moderator.", True),
            ("Hello", False),
        ]


def test_a_held_one_is_its_senders_alone(cast, api, direct):
    (held,) = say(direct, cast.attendee, "Buy now")
    say(direct, cast.attendee, "Sorry")
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    mine = page(api, cast.attendee, direct)
    assert [(item["content"], item["is_held"]) for item in mine["items"]] == [
        ("Sorry", False),
        ("Buy now", True),
        ("Hello", False),
    ]
    assert contents(page(api, cast.mvp_dealer, direct)) == ["Sorry", "Hello"]
    assert contents(page(api, cast.mvp_dealer, direct, "?limit=1")) == ["Sorry"]


def test_where_all_is_held_the_page_is_empty(cast, api, direct):
    Message.objects.update(held_at=timezone.now())
    assert page(api, cast.attendee, direct) == {"items": [], "next_cursor": None}


def test_who_comes_later_reads_all_of_it(cast, api, group):
    say(group, cast.attendee, "Before")
    conversations.invite(group.id, cast.mvp_dealer.id, by=cast.organizer)
    assert contents(page(api, cast.mvp_dealer, group)) == ["Before", "Welcome"]
