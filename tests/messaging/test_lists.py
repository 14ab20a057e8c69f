"""GET /conversations and GET /conversations/{id}."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from events.models import Block
from messaging import conversations, messages
from messaging.models import Message
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change, start

REMOVED = "This message was removed by a moderator."
DELETED = "This message was deleted."


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [item["id"] for item in answer.json()["items"]]


def said(talk, by, content="Hi"):
    return conversations.send(talk.id, content, by=by)


def shown(cast, api, talk, who="attendee") -> dict:
    answer = api(getattr(cast, who)).get(f"/conversations/{talk.id}")
    assert answer.status_code == 200
    return answer.json()


def test_a_conversation_is_shown_whole(cast, api, direct):
    last = said(direct, cast.attendee, "Yes, it is")
    conversations.mark_read(direct.id, last.id, by=cast.mvp_dealer)
    whole = shown(cast, api, direct)
    read_at = whole["participants"][0].pop("last_read_at")
    assert read_at.endswith("Z")
    assert read_at > whole["last_message"]["created_at"]
    assert whole == {
        "id": str(direct.id),
        "event_id": str(cast.event.id),
        "kind": "direct",
        "title": None,
        "help_request_id": None,
        "created_at": direct.created_at.isoformat().replace("+00:00", "Z"),
        "last_message": {
            "id": str(last.id),
            "conversation_id": str(direct.id),
            "event_id": str(cast.event.id),
            "message_type": "direct",
            "sender_id": str(cast.attendee.id),
            "sender_name": "Attendee",
            "sender_avatar_url": None,
            "content": "Yes, it is",
            "created_at": last.created_at.isoformat().replace("+00:00", "Z"),
            "is_own_message": True,
            "is_deleted": False,
            "is_held": False,
        },
        "unread_count": 1,
        "can_reply": True,
        "reply_reason": None,
        "participants": [
            {
                "user_id": str(cast.mvp_dealer.id),
                "name": "Mvp Dealer",
                "avatar_url": None,
                "role": "mvp_dealer",
                "last_read_message_id": str(last.id),
            },
            {
                "user_id": str(cast.attendee.id),
                "name": "Attendee",
                "avatar_url": None,
                "role": "attendee",
                "last_read_message_id": None,
                "last_read_at": None,
            },
        ],
    }
    assert api(cast.attendee).get("/conversations").json()["items"][0]["last_message"] == whole["last_message"]


def test_the_list_shows_what_the_conversation_shows(cast, api, direct, group, help_request):
    offer = conversations.offer_help(help_request.id, "I have some tape.", by=cast.attendee).conversation
    caller = api(cast.attendee)
    listed = caller.get("/conversations").json()
    assert [item["kind"] for item in listed["items"]] == ["help", "group", "direct"]
    assert [item["help_request_id"] for item in listed["items"]] == [str(help_request.id), None, None]
    assert listed == {
        "items": [caller.get(f"/conversations/{talk.id}").json() for talk in (offer, group, direct)],
        "next_cursor": None,
    }


def test_whoever_spoke_last_stands_first(cast, api):
    talks = [start(cast, cast.organizer, other) for other in (cast.attendee, cast.dealer, cast.mvp_dealer)]
    caller = api(cast.organizer)
    assert ids(caller.get("/conversations")) == [str(talk.id) for talk in reversed(talks)]
    said(talks[0], cast.attendee)
    assert ids(caller.get("/conversations")) == [str(talks[n].id) for n in (0, 2, 1)]


def test_reading_and_deleting_are_no_activity(cast, api):
    older, newer = (start(cast, cast.organizer, other) for other in (cast.attendee, cast.dealer))
    conversations.mark_read(older.id, older.last_message_id, by=cast.attendee)
    messages.delete(older.last_message_id, by=cast.organizer)
    assert ids(api(cast.organizer).get("/conversations")) == [str(newer.id), str(older.id)]


def test_of_one_event_or_of_all(cast, api):
    here = start(cast, cast.organizer, cast.attendee)
    other = make_event("other")
    join(other, cast.organizer, "organizer")
    join(other, cast.attendee)
    there = conversations.start(other.id, cast.attendee.id, "Hello", by=cast.organizer).conversation
    caller = api(cast.organizer)
    assert ids(caller.get("/conversations")) == [str(there.id), str(here.id)]
    assert ids(caller.get(f"/conversations?event={cast.event.id}")) == [str(here.id)]
    assert ids(caller.get(f"/conversations?event={other.id}")) == [str(there.id)]


def test_who_has_none_gets_an_empty_list(cast, api):
    for who in ("attendee", "stranger", "staff"):
        assert api(getattr(cast, who)).get("/conversations").json() == {"items": [], "next_cursor": None}
    for who in ("attendee", "staff"):
        answer = api(getattr(cast, who)).get(f"/conversations?event={cast.event.id}")
        assert answer.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("who", ["removed", "stranger"])
def test_an_event_that_is_not_mine_is_not_found(cast, api, refused, who):
    caller = api(getattr(cast, who))
    one = refused(caller.get(f"/conversations?event={cast.event.id}"), 404, "not_found")
    other = refused(caller.get(f"/conversations?event={uuid4()}"), 404, "not_found")
    assert {**one, "request_id": ""} == {**other, "request_id": ""}
    refused(api(cast.staff).get(f"/conversations?event={uuid4()}"), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("event=show", "?event"),
        ("event=", "?event"),
        ("limit=0", "?limit"),
        ("limit=101", "?limit"),
        ("cursor=x", "?cursor"),
    ],
)
def test_a_wrong_query_names_its_parameter(cast, api, refused, query, pointer):
    told = refused(api(cast.attendee).get(f"/conversations?{query}"), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == [pointer]


def test_without_a_token(cast, api, refused, direct):
    for address in ("/conversations", f"/conversations/{direct.id}", f"/conversations/{direct.id}/messages"):
        refused(api().get(address), 401, "not_authenticated")


@pytest.mark.parametrize("who", ["stranger", "attendee_2", "moderator", "staff"])
def test_a_conversation_that_is_not_mine_is_not_found(cast, api, refused, direct, who):
    caller = api(getattr(cast, who))
    for below in ("", "/messages", "/messages?limit=x", "/messages?cursor=x"):
        one = refused(caller.get(f"/conversations/{direct.id}{below}"), 404, "not_found")
        other = refused(caller.get(f"/conversations/{uuid4()}{below}"), 404, "not_found")
        refused(caller.get(f"/conversations/mine{below}"), 404, "not_found")
        assert {**one, "request_id": ""} == {**other, "request_id": ""}
    assert ids(caller.get("/conversations")) == []


def test_who_left_finds_it_no_more(cast, api, refused, group):
    caller = api(cast.attendee)
    assert ids(caller.get("/conversations")) == [str(group.id)]
    conversations.take_out(group.id, cast.attendee.id, by=cast.attendee)
    assert ids(caller.get("/conversations")) == []
    refused(caller.get(f"/conversations/{group.id}"), 404, "not_found")
    refused(caller.get(f"/conversations/{group.id}/messages"), 404, "not_found")
    people = shown(cast, api, group, "organizer")["participants"]
    assert [one["name"] for one in people] == ["Organizer", "Dealer"]


# --- Pages -----------------------------------------------------------------------------------


@pytest.fixture
def talks(cast):
    """The organizer's with nine people, oldest first."""
    people = [make_user(f"guest_{number}") for number in range(9)]
    for person in people:
        join(cast.event, person)
    return [start(cast, cast.organizer, person) for person in people]


@pytest.mark.parametrize("below", ["", "&event="])
def test_a_walk_shows_each_once(cast, api, talks, below):
    caller, seen, cursor = api(cast.organizer), [], ""
    below += str(cast.event.id) if below else ""
    while cursor is not None:
        answer = caller.get(f"/conversations?limit=4{below}{cursor and '&cursor='}{cursor}")
        seen.append(ids(answer))
        cursor = answer.json()["next_cursor"]
    assert [len(page) for page in seen] == [4, 4, 1]
    assert sum(seen, []) == [str(talk.id) for talk in reversed(talks)]


def test_a_full_last_page_says_that_it_is_the_last(cast, api, talks):
    assert api(cast.organizer).get("/conversations?limit=9").json()["next_cursor"] is None


def test_one_that_moves_during_a_walk_is_on_the_first_page_and_none_shows_twice(cast, api, talks):
    caller = api(cast.organizer)
    first = caller.get("/conversations?limit=4")
    moves, shown_already = talks[1], talks[8]
    for talk in (moves, shown_already):
        said(talk, cast.organizer)
    second = caller.get(f"/conversations?limit=4&cursor={first.json()['next_cursor']}")
    third = second.json()["next_cursor"]
    assert third is None
    seen = ids(first) + ids(second)
    assert len(seen) == len(set(seen))
    assert {str(talk.id) for talk in talks} - set(seen) == {str(moves.id)}
    assert ids(caller.get("/conversations?limit=2")) == [str(shown_already.id), str(moves.id)]


def test_two_of_one_moment_are_both_shown(cast, api, talks):
    from messaging.models import Conversation

    Conversation.objects.update(last_message_at=timezone.now())
    caller = api(cast.organizer)
    first = caller.get("/conversations?limit=5")
    second = caller.get(f"/conversations?limit=5&cursor={first.json()['next_cursor']}")
    assert ids(first) + ids(second) == sorted((str(talk.id) for talk in talks), reverse=True)


# --- The last message ------------------------------------------------------------------------


def test_a_deleted_last_message_shows_its_placeholder(cast, api, direct):
    last = said(direct, cast.attendee, "Secret")
    messages.remove(last.id, reason="x", by=cast.moderator)
    found = shown(cast, api, direct, "mvp_dealer")["last_message"]
    assert (found["id"], found["content"], found["is_deleted"]) == (str(last.id), REMOVED, True)
    messages.restore(last.id, by=cast.moderator)
    found = shown(cast, api, direct, "mvp_dealer")["last_message"]
    assert (found["content"], found["is_deleted"]) == ("Secret", False)
    messages.delete(last.id, by=cast.attendee)
    found = shown(cast, api, direct, "mvp_dealer")["last_message"]
    assert (found["content"], found["is_deleted"], found["is_own_message"]) == (DELETED, True, False)


def test_a_held_last_message_is_its_senders_alone(cast, api, direct):
    held = said(direct, cast.attendee, "Buy now")
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    mine = shown(cast, api, direct)["last_message"]
    assert (mine["id"], mine["content"], mine["is_held"]) == (str(held.id), "Buy now", True)
    theirs = shown(cast, api, direct, "mvp_dealer")["last_message"]
    assert (theirs["content"], theirs["is_held"]) == ("Hello", False)


def test_a_marker_stands_at_the_newest_message_that_one_may_know_of(cast, api, direct):
    """It was read, and held after that."""
    (hello,) = direct.messages.all()
    later = said(direct, cast.attendee)
    conversations.mark_read(direct.id, later.id, by=cast.attendee)

    conversations.mark_read(direct.id, hello.id, by=cast.mvp_dealer)

    def stand(who: str) -> list[tuple]:
        people = shown(cast, api, direct, who)["participants"]
        return [(one["last_read_message_id"], one["last_read_at"] is not None) for one in people]

    assert stand("attendee") == stand("mvp_dealer") == [(str(hello.id), True), (str(later.id), True)]
    Message.objects.update(held_at=timezone.now())
    assert stand("attendee") == [(None, False), (str(later.id), True)]
    assert stand("mvp_dealer") == [(str(hello.id), True), (str(hello.id), True)]


def test_where_all_is_held_there_is_no_last_message(cast, api, direct):
    Message.objects.update(held_at=timezone.now())
    assert shown(cast, api, direct)["last_message"] is None
    assert ids(api(cast.attendee).get("/conversations")) == [str(direct.id)]


def test_who_is_no_more_is_a_former_member(cast, api, direct):
    from accounts.models import User
    from events.models import Membership

    Membership.objects.filter(user=cast.mvp_dealer).delete()
    User.objects.filter(id=cast.mvp_dealer.id)._raw_delete("default")
    found = shown(cast, api, direct)
    assert found["last_message"]["sender_name"] == "Former member"
    assert found["participants"][0] == {
        "user_id": str(cast.mvp_dealer.id),
        "name": "Former member",
        "avatar_url": None,
        "role": None,
        "last_read_message_id": None,
        "last_read_at": None,
    }
    page = api(cast.attendee).get(f"/conversations/{direct.id}/messages").json()
    assert [item["sender_name"] for item in page["items"]] == ["Former member"]


# --- Whether I may reply ---------------------------------------------------------------------

LATER = timezone.now() + timedelta(days=1)


def reply(found: dict) -> tuple:
    return found["can_reply"], found["reply_reason"]


@pytest.mark.parametrize(
    ("mine", "theirs", "blocks", "reason"),
    [
        ({}, {}, None, None),
        ({"muted_until": LATER}, {}, None, "muted"),
        ({"suspended_until": LATER, "muted_until": LATER}, {}, None, "suspended"),
        ({"muted_until": timezone.now() - timedelta(days=1)}, {}, None, None),
        ({"removed_at": timezone.now()}, {}, None, "not_member"),
        ({}, {"removed_at": timezone.now()}, None, "not_member"),
        ({"muted_until": LATER}, {"removed_at": timezone.now()}, "mine", "muted"),
        ({}, {"muted_until": LATER}, None, None),
        ({}, {"suspended_until": LATER}, None, None),
        ({"role": "dealer"}, {}, "mine", "read_only"),
        ({"role": "organizer"}, {}, None, None),
        ({}, {"role": "dealer"}, None, None),
        ({}, {}, "mine", "blocked"),
        ({}, {}, "theirs", "blocked"),
        ({}, {"removed_at": timezone.now()}, "theirs", "not_member"),
    ],
)
def test_what_a_reply_would_be_told_and_is(cast, api, direct, refused, mine, theirs, blocks, reason):
    if mine:
        change(cast, cast.attendee, **mine)
    if theirs:
        change(cast, cast.mvp_dealer, **theirs)
    if blocks:
        pair = [cast.attendee, cast.mvp_dealer]
        blocker, blocked = pair if blocks == "mine" else reversed(pair)
        Block.objects.create(blocker=blocker, blocked=blocked)
    caller = api(cast.attendee)
    assert reply(shown(cast, api, direct)) == (reason is None, reason)
    assert reply(caller.get("/conversations").json()["items"][0]) == (reason is None, reason)
    answer = caller.post(f"/conversations/{direct.id}/messages", {"content": "Hi"})
    if reason:
        refused(answer, 403, "permission_denied", reason=reason)
    else:
        assert answer.status_code == 201


def test_in_a_group_neither_blocks_nor_who_is_gone_count(cast, api, group):
    Block.objects.create(blocker=cast.attendee, blocked=cast.organizer)
    change(cast, cast.organizer, removed_at=timezone.now())
    assert reply(shown(cast, api, group)) == (True, None)
    assert reply(shown(cast, api, group, "dealer")) == (False, "read_only")


def test_in_a_help_conversation_the_requester_must_be_there(cast, api, help_request):
    talk = conversations.offer_help(help_request.id, "I have some tape.", by=cast.attendee).conversation
    assert reply(shown(cast, api, talk)) == (True, None)
    assert reply(shown(cast, api, talk, "dealer")) == (False, "read_only")
    change(cast, cast.dealer, removed_at=timezone.now())
    assert reply(shown(cast, api, talk)) == (False, "not_member")
