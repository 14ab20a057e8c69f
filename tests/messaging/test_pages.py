"""The inbox without JavaScript: everything but what is live works by links and forms."""

from __future__ import annotations

import re

import pytest

from accounts.models import User
from events.models import Block, HelpRequest, Membership
from messaging import conversations, publishing
from messaging.models import Conversation, FeedMarker, Message
from moderation.models import Report
from tests.messaging.conftest import change, start
from tests.pages import Visitor

pytestmark = pytest.mark.django_db


def announce(cast, content="Doors open at nine", **options):
    published = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="announcement", content=content, **options
    )
    publishing.deliver_all(published)
    return published


def at(cast, place: str = "") -> str:
    return f"/e/{cast.event.id}{place}"


def test_the_feed_tells_its_kinds_apart_and_what_is_new(cast):
    announce(cast)
    channel = publishing.publish(
        by=cast.organizer, event_id=cast.event.id, message_type="channel", content="Free tables", tags=[]
    )
    publishing.deliver_all(channel)
    start(cast, cast.mvp_dealer, cast.attendee, "Just for you")
    page = Visitor(cast.attendee).get(at(cast))
    assert re.findall(r'<li class="item (\w+)( new)?', page)[:3] == [
        ("direct", ""),
        ("channel", " new"),
        ("announcement", " new"),
    ]
    assert '<b class="badge" data-unread="feed"><span>2</span>' in page
    assert '<b class="badge" data-unread="conversations"><span>1</span>' in page


def test_the_feed_is_marked_as_read_by_a_form(cast):
    newest = announce(cast)
    visitor = Visitor(cast.attendee)
    visitor.get(at(cast))
    page = visitor.post(at(cast, "/read"))
    assert FeedMarker.objects.get(user_id=cast.attendee.id).read_message_id == newest.id
    assert '<b class="badge" data-unread="feed" hidden>' in page


def test_what_was_said_before_one_joined_stands_below_a_line(cast):
    from django.utils import timezone

    announce(cast, "Before")
    change(cast, cast.attendee_2, joined_at=timezone.now())
    announce(cast, "Since")
    page = Visitor(cast.attendee_2).get(at(cast))
    assert page.index("Since") < page.index("From before you joined") < page.index("Before")


def test_hostile_text_is_shown_and_not_run(cast, direct):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    conversations.send(direct.id, hostile, by=cast.mvp_dealer)
    for place in ("", "/messages", f"/messages/{direct.id}"):
        page = Visitor(cast.attendee).get(at(cast, place))
        assert "&lt;script&gt;alert(1)" in page
        assert "<img src=x" not in page


def test_a_message_is_sent_once_however_often_its_form_is(cast, direct):
    visitor = Visitor(cast.attendee)
    address = at(cast, f"/messages/{direct.id}")
    visitor.get(address)
    from tests.pages import Form

    fields = {**Form(visitor.page, address).fields, "content": "Here I am"}
    visitor.send(address, **fields)
    visitor.send(address, **fields)
    assert Message.objects.filter(conversation=direct, content="Here I am").count() == 1
    assert "Here I am" in visitor.page


@pytest.mark.parametrize(
    ("content", "told"), [("", "This must not be empty."), ("x" * 1001, "Give 1 to 1000 characters")]
)
def test_what_is_refused_comes_back_with_its_text_and_the_reason(cast, direct, content, told):
    visitor = Visitor(cast.attendee)
    visitor.get(at(cast, f"/messages/{direct.id}"))
    page = visitor.post(at(cast, f"/messages/{direct.id}"), content=content)
    assert visitor.status == 400
    assert told in page
    assert f">{content}</textarea>" in page
    assert 'aria-describedby="wrong"' in page
    assert Message.objects.filter(conversation=direct).count() == 1


def test_who_may_not_write_sees_the_reason_in_the_place_of_the_composer(cast):
    talk = start(cast, cast.organizer, cast.dealer)
    page = Visitor(cast.dealer).get(at(cast, f"/messages/{talk.id}"))
    assert "Dealers read here, but do not write." in page
    assert 'name="content"' not in page


def test_the_muted_and_the_suspended_are_told_until_when(cast, direct):
    from datetime import timedelta

    from django.utils import timezone

    change(cast, cast.attendee, muted_until=timezone.now() + timedelta(hours=2))
    page = Visitor(cast.attendee).get(at(cast, f"/messages/{direct.id}"))
    assert "You are muted in this event until" in page
    assert 'name="content"' not in page
    page = Visitor(cast.attendee).get(at(cast, f"/messages/new?to={cast.mvp_dealer.id}"))
    assert "You are muted in this event until" in page
    assert ('name="content"' in page, "to whom your role may write" in page) == (False, False)


def test_a_conversation_begins_from_the_directory(cast):
    visitor = Visitor(cast.attendee)
    page = visitor.get(at(cast, "/people"))
    # By the table, to MVP dealers alone.
    assert re.findall(r'href="(/e/[^"]+/messages/new\?[^"]+)"', page) == [
        f"/e/{cast.event.id}/messages/new?to={cast.mvp_dealer.id}"
    ]
    visitor.get(at(cast, f"/messages/new?to={cast.mvp_dealer.id}"))
    visitor.post(at(cast, "/messages/new"), content="Do you have number 58?")
    assert "Do you have number 58?" in visitor.page
    assert Conversation.objects.get().kind == "direct"


def test_where_there_is_one_already_it_is_said_there(cast, direct):
    visitor = Visitor(cast.attendee)
    visitor.get(at(cast, f"/messages/new?to={cast.mvp_dealer.id}"))
    visitor.post(at(cast, "/messages/new"), content="Once more")
    assert visitor.address == at(cast, f"/messages/{direct.id}")
    assert Message.objects.filter(conversation=direct, content="Once more").count() == 1


def test_a_group_is_made_and_left(cast):
    visitor = Visitor(cast.organizer)
    visitor.get(at(cast, "/messages/new"))
    to = [str(cast.attendee.id), str(cast.dealer.id)]
    visitor.post(at(cast, "/messages/new"), to=to, title="Crew", content="Welcome")
    group = Conversation.objects.get()
    assert (group.kind, group.title, group.participants.count()) == ("group", "Crew", 3)
    page = visitor.get(at(cast, f"/messages/{group.id}/invite?name=moder"))
    assert re.findall(r'name="user_id" value="([^"]+)"', page) == [str(cast.moderator.id)]
    visitor.post(at(cast, f"/messages/{group.id}/invite"))
    assert group.participants.count() == 4
    visitor.post(at(cast, f"/messages/{group.id}/take-out"), user_id=str(cast.attendee.id))
    assert not group.participants.filter(user=cast.attendee).exists()
    # Of the others nobody is shown what its maker may do, and who does it all the same is refused.
    other = Visitor(cast.moderator)
    other.get(at(cast, f"/messages/{group.id}/invite"))
    assert other.address == at(cast, f"/messages/{group.id}")
    page = other.page
    assert "/take-out" not in page
    assert "/invite" not in page
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    action = at(cast, f"/messages/{group.id}/take-out")
    page = other.send(action, user_id=str(cast.dealer.id), csrfmiddlewaretoken=token)
    assert (other.status, "does not allow it" in page) == (403, True)
    assert group.participants.filter(user=cast.dealer).exists()
    visitor.post(at(cast, f"/messages/{group.id}/leave"))
    assert not group.participants.filter(user=cast.organizer).exists()


def crowd(cast, number: int, name: str = "Visitor", role: str = "attendee") -> list:
    """People who came after everybody else."""
    people = [User(username=f"{name}{n:03}".lower(), name=f"{name} {n:03}", password="!") for n in range(number)]
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(Membership(event=cast.event, user=person, role=role) for person in people)
    return people


def test_the_directory_is_searched_and_walked(cast):
    crowd(cast, 70)
    visitor = Visitor(cast.attendee)
    page = visitor.get(at(cast, "/people?name=visitor"))
    assert page.count("<strong>Visitor") == 60
    further = re.search(r'href="([^"]+cursor=[^"]+)"', page)[1].replace("&amp;", "&")
    assert visitor.get(at(cast, "/people" + further)).count("<strong>Visitor") == 10
    page = visitor.get(at(cast, "/people?name=mvp+dealer&role="))
    assert re.findall(r'class="who"><strong>([^<]+)', page) == ["Mvp Dealer"]
    assert "Nobody here is called “Xerxes &lt;b&gt;”." in visitor.get(at(cast, "/people?name=Xerxes+<b>"))
    visitor.get(at(cast, "/people?name=%00"))
    assert visitor.status == 400


def test_people_for_a_group_are_found_by_name_and_those_chosen_stay(cast):
    crowd(cast, 130)
    visitor, address = Visitor(cast.organizer), at(cast, "/messages/new")

    def offered() -> list[str]:
        return re.findall(r'name="to" value="([^"]+)"', visitor.page)

    visitor.get(address)
    assert len(offered()) == 50
    more = re.search(r'name="more" value="([^"]+)"', visitor.page)[1]
    visitor.post(address, to=[str(cast.dealer.id)], more=more, content="Kept", title="Crew")
    # The next ones, with who was chosen before, and what was written.
    assert (len(offered()), f'value="{cast.dealer.id}" checked' in visitor.page) == (51, True)
    assert (">Kept</textarea>" in visitor.page, 'value="Crew"' in visitor.page) == (True, True)
    visitor.post(address, to=[str(cast.dealer.id)], find="", name="attendee 2", content="Kept")
    assert offered() == [str(cast.dealer.id), str(cast.attendee_2.id)]
    # Nothing that is looked for takes away what was written, whatever was copied along with it.
    page = visitor.post(address, to=[str(cast.dealer.id)], find="", name="\u202aattendee 2\u202c", content="Kept")
    assert (visitor.status, offered()[1:], ">Kept</textarea>" in page) == (200, [str(cast.attendee_2.id)], True)
    assert not Conversation.objects.exists()
    visitor.post(address, to=offered(), title="Crew", content="Kept")
    assert Conversation.objects.get().participants.count() == 3


def test_whom_one_cannot_write_to_is_said_with_the_text_kept(cast):
    visitor, address = Visitor(cast.organizer), at(cast, "/messages/new")
    visitor.get(address)
    page = visitor.post(address, content="Kept")
    assert ("Choose somebody first." in page, ">Kept</textarea>" in page) == (True, True)
    crowd(cast, 50)
    others = Membership.objects.exclude(user=cast.organizer).values_list("user_id", flat=True)
    page = visitor.post(address, to=[str(user_id) for user_id in others], content="Kept")
    assert ("Name 2 to 49 people." in page, ">Kept</textarea>" in page) == (True, True)
    visitor.get(at(cast, f"/messages/new?to={cast.organizer.id}"))
    page = visitor.post(address, content="Kept")
    assert ("This is you." in page, ">Kept</textarea>" in page) == (True, True)
    assert not Conversation.objects.exists()


def test_who_may_write_to_few_finds_them_among_many(cast):
    crowd(cast, 60)
    page = Visitor(cast.attendee).get(at(cast, "/messages/new"))
    assert re.findall(r'name="to" value="([^"]+)"', page) == [str(cast.mvp_dealer.id)]


def test_a_role_that_is_not_allowed_is_refused_by_the_api_itself(cast):
    visitor = Visitor(cast.attendee)
    visitor.get(at(cast, f"/messages/new?to={cast.mvp_dealer.id}"))
    page = visitor.post(at(cast, "/messages/new"), to=str(cast.dealer.id), content="Hello there")
    assert visitor.status == 403
    assert "Your role, or theirs, does not allow it." in page
    assert not Conversation.objects.exists()


def test_a_conversation_of_others_is_not_there(cast, direct):
    visitor = Visitor(cast.attendee_2)
    visitor.get(at(cast, f"/messages/{direct.id}"))
    assert visitor.status == 404


def test_older_messages_are_a_link_away(cast, direct):
    for number in range(45):
        conversations.send(direct.id, f"Number {number:02}", by=cast.mvp_dealer)
    visitor = Visitor(cast.attendee)
    page = visitor.get(at(cast, f"/messages/{direct.id}"))
    assert "Number 44" in page
    assert "Number 02" not in page
    older = re.search(r'href="(\?cursor=[^"]+)" data-older', page)[1]
    assert "Number 02" in visitor.get(at(cast, f"/messages/{direct.id}{older}"))


def test_ones_own_message_is_deleted_and_a_placeholder_stays(cast, direct):
    mine = conversations.send(direct.id, "Too much said", by=cast.attendee)
    visitor = Visitor(cast.attendee)
    visitor.get(at(cast, f"/messages/{direct.id}"))
    page = visitor.post(at(cast, f"/delete/{mine.id}"))
    assert "Too much said" not in page
    assert "This message was deleted." in page
    assert f'action="/e/{cast.event.id}/delete/{mine.id}"' in page, "its menu is there, hidden"


def test_a_message_is_reported_once(cast, direct):
    theirs = Message.objects.get(conversation=direct)
    visitor = Visitor(cast.attendee)
    address = at(cast, f"/report/{theirs.id}")
    visitor.get(address)
    assert 'role="alert"' not in visitor.post(address, reason="scam", details="Asked for money")
    report = Report.objects.get()
    assert (report.reason, report.details, report.reporter_id) == ("scam", "Asked for money", cast.attendee.id)
    visitor.get(address)
    page = visitor.post(address, reason="spam")
    assert visitor.status == 409
    assert re.search(r'role="alert">This has changed in the meantime\.', page)
    assert Report.objects.count() == 1


def test_a_person_is_blocked_and_unblocked(cast, direct):
    visitor = Visitor(cast.attendee)
    visitor.get(at(cast, f"/messages/{direct.id}"))
    page = visitor.post(at(cast, f"/people/{cast.mvp_dealer.id}/block"))
    assert "One of you has blocked the other." in page
    visitor.get("/you")
    visitor.post(f"/you/blocks/{cast.mvp_dealer.id}/remove")
    assert not Block.objects.exists()


def test_the_directory_blocks_and_unblocks(cast):
    visitor = Visitor(cast.attendee)
    page = visitor.get(at(cast, "/people?role=mvp_dealer"))
    assert "Block Mvp Dealer" in page
    visitor.post(at(cast, f"/people/{cast.mvp_dealer.id}/block"))
    assert visitor.address == at(cast, "/people?role=mvp_dealer")
    assert "/messages/new?to=" not in visitor.page
    visitor.post(f"/you/blocks/{cast.mvp_dealer.id}/remove")
    assert "/messages/new?to=" in visitor.page
    assert not Block.objects.exists()
    assert f"{cast.attendee.id}/block" not in visitor.get(at(cast, "/people"))


def test_help_is_asked_for_offered_and_closed(cast):
    asking, helping = Visitor(cast.dealer), Visitor(cast.attendee)
    asking.get(at(cast, "/help"))
    page = asking.post(at(cast, "/help"), title="", details="Any tape?")
    assert (asking.status, "This must not be empty." in page, ">Any tape?</textarea>" in page) == (400, True, True)
    asking.post(at(cast, "/help"), title="Tape", details="Any tape?")
    request = HelpRequest.objects.get()
    helping.get(at(cast, "/help"))
    page = helping.post(at(cast, f"/help/{request.id}/offer"), content="Yes")
    assert "Give 10 to 1000 characters; these are 3." in page
    helping.post(at(cast, f"/help/{request.id}/offer"), content="I have some, hall 2")
    assert helping.address == at(cast, f"/messages/{Conversation.objects.get().id}")
    asking.get(at(cast, "/help"))
    asking.post(at(cast, f"/help/{request.id}/status"), status="closed")
    request.refresh_from_db()
    assert request.status == "closed"
    assert "Offer help" not in helping.get(at(cast, "/help"))


def test_a_form_of_somebody_else_changes_nothing(cast, direct):
    theirs = Message.objects.get(conversation=direct)
    visitor = Visitor(cast.attendee)
    visitor.get(at(cast, f"/messages/{direct.id}"))
    visitor.post(at(cast, f"/delete/{theirs.id}"))
    theirs.refresh_from_db()
    assert theirs.deleted_at is None
    assert "does not allow it" in visitor.page


def test_pages_cost_as_many_queries_for_many_as_for_few(cast, direct, django_assert_max_num_queries):
    visitor = Visitor(cast.attendee)
    for number in range(30):
        conversations.send(direct.id, f"Number {number}", by=cast.mvp_dealer)
    with django_assert_max_num_queries(70):
        visitor.get(at(cast, f"/messages/{direct.id}"))
