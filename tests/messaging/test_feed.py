"""GET /events/{id}/feed: its items, who sees which, and how it is asked for wrongly."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from messaging import conversations, messages, publishing
from messaging.models import Delivery, Message
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change, membership, start
from tests.messaging.feeds import contents, feed, items, publish, use

MODELS = ("v1", "v2")
FIELDS = {
    "message_id",
    "conversation_id",
    "content",
    "created_at",
    "delivery_status",
    "sender_id",
    "sender_name",
    "sender_avatar_url",
    "message_type",
    "is_own_message",
    "is_delivery_backed",
    "source",
    "is_catchup",
    "channel_tags",
    "is_deleted",
}


@pytest.fixture(params=MODELS)
def model(request, cast) -> str:
    """Every test with it runs by each read model."""
    use(request.param)
    return request.param


def test_a_message_to_me_is_shown_whole(cast, api, direct, model):
    message = direct.messages.get()
    assert feed(api, cast, cast.attendee) == {
        "items": [
            {
                "message_id": str(message.id),
                "conversation_id": str(direct.id),
                "content": "Hello",
                "created_at": message.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "delivery_status": "delivered",
                "sender_id": str(cast.mvp_dealer.id),
                "sender_name": "Mvp Dealer",
                "sender_avatar_url": None,
                "message_type": "direct",
                "is_own_message": False,
                "is_delivery_backed": True,
                "source": "delivery",
                "is_catchup": False,
                "channel_tags": [],
                "is_deleted": False,
            }
        ],
        "next_cursor": None,
        "read_model": model,
    }


def test_my_own_stand_there_as_sent(cast, api, direct, model):
    (item,) = items(api, cast, cast.mvp_dealer)
    assert set(item) == FIELDS
    assert (item["source"], item["delivery_status"]) == ("own", "sent")
    assert (item["is_own_message"], item["is_delivery_backed"]) == (True, False)


@pytest.mark.parametrize(("model", "source"), [("v1", "delivery"), ("v2", "message")])
@pytest.mark.parametrize("message_type", ["announcement", "channel"])
def test_a_message_at_large_says_where_it_is_from(cast, api, model, source, message_type):
    use(model)
    change(cast, cast.dealer, tags=["crew", "early"])
    message = publish(cast, message_type, "To the crew", tags=["crew", "late"])
    publishing.deliver_all(message)
    (item,) = items(api, cast, cast.dealer)
    assert set(item) == FIELDS
    assert (item["source"], item["is_delivery_backed"]) == (source, source == "delivery")
    assert (item["message_type"], item["conversation_id"]) == (message_type, None)
    assert (item["channel_tags"], item["delivery_status"]) == (["crew", "late"], "delivered")
    assert [item["source"] for item in items(api, cast, cast.organizer)] == ["own"]


@pytest.mark.parametrize("status", ["queued", "sent", "undelivered", "suppressed"])
def test_where_a_text_was_asked_for_its_state_is_shown(cast, api, model, status):
    publishing.deliver_all(publish(cast, "announcement", "Also by text"))
    Delivery.objects.filter(user=cast.dealer).update(sms_status=status)
    assert [item["delivery_status"] for item in items(api, cast, cast.dealer)] == [status]
    assert [item["delivery_status"] for item in items(api, cast, cast.attendee)] == ["delivered"]


def test_newest_first_whatever_the_way_it_came(cast, api, model):
    talk = start(cast, cast.organizer, cast.attendee, "one")
    publishing.deliver_all(publish(cast, "announcement", "two"))
    conversations.send(talk.id, "three", by=cast.organizer)
    publishing.deliver_all(publish(cast, "channel", "four"))
    start(cast, cast.attendee, cast.mvp_dealer, "five")
    found = items(api, cast, cast.attendee)
    assert [(item["content"], item["message_type"], item["is_own_message"]) for item in found] == [
        ("five", "direct", True),
        ("four", "channel", False),
        ("three", "direct", False),
        ("two", "announcement", False),
        ("one", "direct", False),
    ]


def test_what_is_not_mine_is_not_in_it(cast, api, direct, group, model):
    for stranger in (cast.attendee_2, cast.moderator):
        assert items(api, cast, stranger) == []


def test_another_events_messages_are_not_in_it(cast, api, model):
    other = make_event("other")
    join(other, cast.attendee)
    join(other, cast.organizer, "organizer")
    conversations.start(other.id, cast.attendee.id, "Elsewhere", by=cast.organizer)
    publishing.deliver_all(
        publishing.publish(by=cast.organizer, event_id=other.id, message_type="announcement", content="Also elsewhere")
    )
    assert items(api, cast, cast.attendee) == []
    assert items(api, cast, cast.organizer) == []


def test_what_was_deleted_and_removed_keeps_its_place(cast, api, model):
    talk = start(cast, cast.organizer, cast.attendee, "one")
    deleted = conversations.send(talk.id, "two", by=cast.organizer)
    removed = publish(cast, "announcement", "three")
    publishing.deliver_all(removed)
    messages.delete(deleted.id, by=cast.organizer)
    messages.remove(removed.id, reason="x", by=cast.moderator)
    shown = [
        ("This message was removed by a moderator.", True),
        ("This message was deleted.", True),
        ("one", False),
    ]
    for person in (cast.attendee, cast.organizer):
        assert [(item["content"], item["is_deleted"]) for item in items(api, cast, person)] == shown
    messages.restore(removed.id, by=cast.moderator)
    assert items(api, cast, cast.attendee)[0]["content"] == "three"


def test_a_held_one_is_its_senders_alone(cast, api, model):
    talk = start(cast, cast.organizer, cast.attendee, "one")
    held = conversations.send(talk.id, "two", by=cast.organizer)
    announced = publish(cast, "announcement", "three")
    publishing.deliver_all(announced)
    Message.objects.filter(id__in=[held.id, announced.id]).update(held_at=timezone.now())
    assert contents(items(api, cast, cast.attendee)) == ["one"]
    assert contents(items(api, cast, cast.organizer)) == ["three", "two", "one"]
    Message.objects.filter(id__in=[held.id, announced.id]).update(held_at=None)
    assert contents(items(api, cast, cast.attendee)) == ["three", "two", "one"]


def test_held_ones_make_a_page_no_shorter(cast, api, model):
    talk = start(cast, cast.organizer, cast.attendee, "number 0")
    said = [conversations.send(talk.id, f"number {number}", by=cast.organizer) for number in range(1, 10)]
    at_large = [publish(cast, "announcement", f"all {number}") for number in range(10)]
    for message in at_large:
        publishing.deliver_all(message)
    held = [message.id for message in (*said[::2], *at_large[::2])]
    Message.objects.filter(id__in=held).update(held_at=timezone.now())
    first = feed(api, cast, cast.attendee, limit=4)
    assert contents(first["items"]) == ["all 9", "all 7", "all 5", "all 3"]
    second = feed(api, cast, cast.attendee, limit=4, cursor=first["next_cursor"])
    assert contents(second["items"]) == ["all 1", "number 8", "number 6", "number 4"]


def test_who_left_a_group_keeps_what_was_delivered(cast, api, group, model):
    conversations.take_out(group.id, cast.attendee.id, by=cast.attendee)
    conversations.send(group.id, "After you left", by=cast.organizer)
    assert contents(items(api, cast, cast.attendee)) == ["Welcome"]


def test_who_joins_a_group_later_finds_the_earlier_in_it_and_not_in_the_feed(cast, api, group, model):
    conversations.invite(group.id, cast.mvp_dealer.id, by=cast.organizer)
    conversations.send(group.id, "Hello to all", by=cast.organizer)
    assert contents(items(api, cast, cast.mvp_dealer)) == ["Hello to all"]


def test_a_picture_is_shown_and_who_is_no_more_is_a_former_member(cast, api, direct, model):
    type(cast.mvp_dealer).objects.filter(id=cast.mvp_dealer.id).update(avatar_url='https://x.test/a"b.png')
    (item,) = items(api, cast, cast.attendee)
    assert (item["sender_name"], item["sender_avatar_url"]) == ("Mvp Dealer", 'https://x.test/a"b.png')
    Message.objects.update(sender_id=uuid4())
    (item,) = items(api, cast, cast.attendee)
    assert (item["sender_name"], item["sender_avatar_url"]) == ("Former member", None)


TEXTS = [
    '"quoted" \\ back',
    "line\nline\ttab",
    "\U0001f469\u200d\U0001f467 \u2068isolated\u2069 \u0645\u0631\u062d\u0628\u0627",
    "\u2028</script>",
    "{}%s",
]


@pytest.mark.parametrize("content", TEXTS)
def test_any_text_comes_through_unchanged(cast, api, model, content):
    start(cast, cast.mvp_dealer, cast.attendee, content)
    assert contents(items(api, cast, cast.attendee)) == [content]


# --- Late joiners, roles and tags ----------------------------------------------------------------


def test_a_late_joiner_sees_what_was_said_before_under_v2(cast, api):
    publishing.deliver_all(publish(cast, "announcement", "Before"))
    late = make_user("late")
    join(cast.event, late, joined_at=timezone.now())
    publishing.deliver_all(publish(cast, "announcement", "After"))
    use("v2")
    assert [(item["content"], item["is_catchup"]) for item in items(api, cast, late)] == [
        ("After", False),
        ("Before", True),
    ]
    use("v1")
    assert contents(items(api, cast, late)) == ["After"]


def test_who_joined_again_sees_what_they_had_as_catch_up(cast, api, direct, model):
    change(cast, cast.attendee, joined_at=timezone.now())
    assert [item["is_catchup"] for item in items(api, cast, cast.attendee)] == [True]


def test_a_lost_tag_hides_the_channel_under_v2_and_nothing_under_v1(cast, api):
    change(cast, cast.dealer, tags=["crew"])
    publishing.deliver_all(publish(cast, "channel", "Crew", tags=["crew"]))
    change(cast, cast.dealer, tags=[])
    use("v1")
    assert contents(items(api, cast, cast.dealer)) == ["Crew"]
    use("v2")
    assert items(api, cast, cast.dealer) == []
    change(cast, cast.dealer, tags=["other", "crew"])
    assert contents(items(api, cast, cast.dealer)) == ["Crew"]


def test_a_changed_role_changes_what_concerns_me_under_v2(cast, api):
    use("v2")
    publish(cast, "announcement", "To dealers", roles=["dealer"])
    publish(cast, "announcement", "To attendees", roles=["attendee", "mvp_dealer"])
    assert contents(items(api, cast, cast.dealer)) == ["To dealers"]
    change(cast, cast.dealer, role="attendee")
    assert contents(items(api, cast, cast.dealer)) == ["To attendees"]


@pytest.mark.parametrize(
    ("roles", "tags", "readers"),
    [
        ([], [], {"attendee", "attendee_2", "dealer", "mvp_dealer", "moderator"}),
        (["attendee"], [], {"attendee", "attendee_2"}),
        ([], ["crew"], {"attendee_2", "dealer"}),
        (["attendee", "dealer"], ["crew", "none", "early"], {"attendee_2", "dealer"}),
        (["moderator"], ["crew"], set()),
    ],
)
def test_both_models_show_it_to_the_same_members_once(cast, api, model, roles, tags, readers):
    change(cast, cast.attendee_2, tags=["crew", "early"])
    change(cast, cast.dealer, tags=["crew"])
    publishing.deliver_all(publish(cast, "channel", "Once", roles=roles, tags=tags))
    members = ("attendee", "attendee_2", "dealer", "mvp_dealer", "moderator")
    found = {name: contents(items(api, cast, getattr(cast, name))) for name in members}
    assert found == {name: ["Once"] if name in readers else [] for name in members}


def test_v2_shows_it_before_a_single_delivery_is_written(cast, api):
    publish(cast, "announcement", "At once")
    use("v2")
    assert contents(items(api, cast, cast.attendee)) == ["At once"]
    use("v1")
    assert items(api, cast, cast.attendee) == []


# --- Who may ask, and how ------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["feed", "unread"])
@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_for_others_there_is_no_such_event(cast, api, refused, who, address):
    refused(api(getattr(cast, who)).get(f"/events/{cast.event.id}/{address}"), 404, "not_found")
    refused(api(cast.attendee).get(f"/events/{uuid4()}/{address}"), 404, "not_found")
    refused(api(cast.attendee).get(f"/events/none/{address}"), 404, "not_found")


@pytest.mark.parametrize("address", ["feed", "unread"])
def test_staff_without_a_membership_are_told_so(cast, api, refused, address):
    refused(api(cast.staff).get(f"/events/{cast.event.id}/{address}"), 403, "permission_denied", reason="not_member")
    refused(api(cast.staff).get(f"/events/{uuid4()}/{address}"), 404, "not_found")


def test_staff_with_one_have_a_feed(cast, api, model):
    join(cast.event, cast.staff, "organizer")
    start(cast, cast.organizer, cast.staff)
    assert contents(items(api, cast, cast.staff)) == ["Hello"]


@pytest.mark.parametrize("who", ["attendee", "dealer"])
def test_the_suspended_and_muted_read_on(cast, api, group, model, who):
    until = timezone.now() + timedelta(days=1)
    change(cast, getattr(cast, who), suspended_until=until, muted_until=until)
    assert contents(items(api, cast, getattr(cast, who))) == ["Welcome"]


WRONG = [
    ("limit=0", "?limit"),
    ("limit=101", "?limit"),
    ("limit=x", "?limit"),
    ("cursor=x", "?cursor"),
    ("cursor=W10", "?cursor"),
    ("since=x", "?since"),
]


@pytest.mark.parametrize(("query", "pointer"), WRONG)
def test_a_wrong_query_names_its_parameter(cast, api, refused, query, pointer):
    told = refused(api(cast.attendee).get(f"/events/{cast.event.id}/feed?{query}"), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == [pointer]


@pytest.mark.parametrize(("query", "pointer"), WRONG)
def test_that_there_is_no_event_is_told_before(cast, api, refused, query, pointer):
    refused(api(cast.stranger).get(f"/events/{cast.event.id}/feed?{query}"), 404, "not_found")


def test_a_wrong_query_is_told_before_that_staff_are_no_members(cast, api, refused):
    refused(api(cast.staff).get(f"/events/{cast.event.id}/feed?limit=0"), 400, "validation_error")


def test_fifty_by_default_and_a_hundred_at_most(cast, api, model):
    for number in range(105):
        publishing.deliver_all(publish(cast, "announcement", f"number {number}"))
    assert len(items(api, cast, cast.attendee)) == 50
    assert len(items(api, cast, cast.attendee, limit=100)) == 100


def test_the_membership_is_the_one_of_now(cast, api, direct, model):
    mine = membership(cast, cast.attendee)
    caller = api(cast.attendee)
    assert caller.get(f"/events/{cast.event.id}/feed").status_code == 200
    mine.removed_at = timezone.now()
    mine.save()
    assert caller.get(f"/events/{cast.event.id}/feed").status_code == 404
