"""The pages as people use them: two who talk live, an organizer who watches, and everyone who needs to read them."""

from __future__ import annotations

import os
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from broadcasts import progress
from broadcasts.models import Broadcast
from events.models import Membership
from messaging import conversations, messages, publishing
from messaging.models import Conversation, FeedMarker, Message
from messaging.sms import sending
from rollout import read_models
from tests import site as sites
from tests.broadcasts.conftest import finish
from tests.browsing import NARROW, violations
from tests.conftest import join, make_event
from tests.events.test_members import CAN_MESSAGE
from tests.messaging.conftest import change, start
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def site(django_db_setup, chromium):
    with sites.running() as address:
        yield address


@pytest.fixture
def talk(cast) -> Conversation:
    return start(cast, cast.mvp_dealer, cast.attendee, "Good morning")


def write(page: Page, text: str) -> None:
    page.locator("#text").fill(text)
    page.locator("#text").press("Enter")


def everyone_can_use(page: Page) -> None:
    """As it stands; and nothing of it is wider than the narrowest window."""
    assert violations(page) == [], page.url
    size = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url
    page.set_viewport_size(size)


def bubbles(page: Page):
    return page.locator("#messages .bubble")


def test_two_people_talk_live(cast, talk, site, visit):
    place = f"{site}/e/{cast.event.id}/messages/{talk.id}"
    mine, theirs = visit(place, cast.attendee), visit(place, cast.mvp_dealer, viewport=NARROW)
    elsewhere = visit(f"{site}/e/{cast.event.id}/people", cast.mvp_dealer)
    # Whoever has read it is told to the other.
    expect(theirs.locator(".seen")).to_have_text("Read")
    write(mine, "Do you have <b>58</b>?")
    expect(bubbles(theirs).last).to_have_text("Do you have <b>58</b>?")
    expect(theirs.locator("#heard")).to_contain_text("Do you have <b>58</b>?")
    expect(mine.locator(".seen")).to_have_text("Read")
    theirs.locator("#text").press_sequentially("Let me look")
    expect(mine.locator("#typing")).to_have_text("Mvp Dealer is typing …")
    # A draft survives a reload.
    theirs.reload()
    expect(theirs.locator("#text")).to_have_value("Let me look")
    theirs.get_by_role("button", name="Send").click()
    expect(bubbles(mine).last).to_have_text("Let me look")
    expect(mine.locator("#typing")).to_have_text("")
    expect(elsewhere.locator('[data-unread="conversations"]')).to_be_hidden()
    assert Message.objects.filter(conversation=talk).count() == 3
    # The list asks for it after the stream has told.
    expect(mine.locator("#conversations [data-last]")).to_have_text("Let me look")
    expect(theirs.locator("#conversations [data-last]")).to_have_text("You: Let me look")
    by_keyboard_alone(visit(place, cast.attendee))


def by_keyboard_alone(page: Page) -> None:
    """To everything, and back."""
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.locator(".thread > .head .more summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Block Mvp Dealer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Block Mvp Dealer")).to_be_hidden()
    assert re.fullmatch(r".*summary.*", page.evaluate("document.activeElement.tagName").lower())


def test_what_was_not_sent_is_sent_once_when_the_connection_is_back(cast, talk, site, visit):
    page = visit(f"{site}/e/{cast.event.id}/messages/{talk.id}", cast.attendee)
    lost = []

    def lose_the_answer(route):
        """The server did it, and nobody heard of it: what a repeat without a key would do twice."""
        lost.append(route.request.headers["idempotency-key"])
        if len(lost) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/conversations/*/messages", lose_the_answer)
    write(page, "Only once")
    expect(page.locator(".message.unsent")).to_contain_text("No connection. Your text is kept.")
    page.reload()
    # It is tried again by itself, with the key that it had.
    expect(page.locator(".message.own:not(.waiting, .unsent)")).to_have_count(1)
    assert len(set(lost)) == 1
    assert len(lost) == 2
    assert Message.objects.filter(conversation=talk, content="Only once").count() == 1
    visit.wrong.clear()  # the answer that was lost


def test_what_was_refused_is_kept_until_its_writer_tries_again(cast, talk, site, visit):
    change(cast, cast.attendee, muted_until=timezone.now() + timedelta(hours=1))
    page = visit(f"{site}/e/{cast.event.id}/messages/{talk.id}", cast.attendee)
    # Who may not write has read it all the same.
    expect(page.locator('[data-unread="conversations"]')).to_be_hidden()
    change(cast, cast.attendee, muted_until=None)
    page.reload()
    change(cast, cast.attendee, muted_until=timezone.now() + timedelta(hours=1))
    write(page, "Said too early")
    expect(page.locator(".message.unsent")).to_contain_text("You are muted in this event")
    change(cast, cast.attendee, muted_until=None)
    page.reload()
    # Not by itself: it may be out of date by now.
    expect(page.locator(".message.unsent")).to_contain_text("You are muted in this event")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".message.own:not(.waiting, .unsent)")).to_have_count(1)
    assert Message.objects.get(sender=cast.attendee).content == "Said too early"
    visit.wrong.clear()  # the refusals


def test_a_message_is_deleted_unless_it_is_taken_back(cast, talk, site, visit):
    for content in ("Keep me", "Away with me"):
        conversations.send(talk.id, content, by=cast.attendee)
    page = visit(f"{site}/e/{cast.event.id}/messages/{talk.id}", cast.attendee)

    def delete(content: str) -> None:
        row = page.locator(".message.own", has_text=content)
        row.hover()
        row.get_by_text("More about this message").locator("..").click()
        row.get_by_role("button", name="Delete").click()
        expect(row).to_be_hidden()

    delete("Keep me")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Keep me").first).to_be_visible()
    delete("Away with me")
    # Leaving the page carries it out at once.
    page.goto(f"{site}/e/{cast.event.id}/messages/{talk.id}")
    expect(page.locator(".message.gone .bubble")).to_have_text("This message was deleted.")
    assert list(Message.objects.filter(deleted_at__isnull=False).values_list("content", flat=True)) == ["Away with me"]


def test_older_messages_come_by_scrolling(cast, talk, site, visit):
    for number in range(85):
        conversations.send(talk.id, f"Number {number:02}", by=cast.mvp_dealer)
    page = visit(f"{site}/e/{cast.event.id}/messages/{talk.id}", cast.attendee)
    expect(bubbles(page).last).to_be_in_viewport()
    assert bubbles(page).count() == 40
    # Once from each end: what has come moves the place away from the top.
    for number in (80, 86):
        page.locator("#scroll").evaluate("scroll => (scroll.scrollTop = 0)")
        expect(bubbles(page)).to_have_count(number)
    assert bubbles(page).first.inner_text() == "Good morning"
    texts = bubbles(page).all_inner_texts()
    assert texts[1:] == [f"Number {number:02}" for number in range(85)]


def test_in_the_feed_one_line_divides_what_was_there_before_they_joined(cast, site, visit):
    read_models.swap("v2")
    for number in range(70):
        published = publishing.publish(
            by=cast.organizer, event_id=cast.event.id, message_type="announcement", content=f"Number {number:02}"
        )
        publishing.deliver_all(published)
    # From the 35th on they were there: the line comes with what is scrolled to.
    came = Message.objects.get(content="Number 35").created_at
    Membership.objects.filter(event=cast.event, user=cast.attendee).update(joined_at=came)
    page = visit(f"{site}/e/{cast.event.id}", cast.attendee)
    rows, divider = page.locator("#feed > li[data-id]"), page.locator("#feed > .divider")
    expect(rows).to_have_count(30)
    expect(divider).to_have_count(0)
    for number in (60, 70):
        page.locator("[data-older]").scroll_into_view_if_needed()
        expect(rows).to_have_count(number)
    expect(divider).to_have_text("From before you joined")
    assert divider.evaluate("line => line.previousElementSibling.innerText").count("Number 35")
    assert divider.evaluate("line => line.nextElementSibling.innerText").count("Number 34")
    everyone_can_use(page)
    # As the server makes it, where it is on the first page already; without a script, too.
    Membership.objects.filter(event=cast.event, user=cast.attendee).update(
        joined_at=Message.objects.get(content="Number 65").created_at
    )
    page.reload()
    assert divider.evaluate("line => line.previousElementSibling.innerText").count("Number 65")
    page.locator("[data-older]").scroll_into_view_if_needed()
    expect(rows).to_have_count(60)
    expect(divider).to_have_count(1)


def test_an_organizer_announces_and_watches_it_arrive(cast, site, visit):
    event = f"{site}/e/{cast.event.id}"
    reader = visit(event, cast.attendee, viewport=NARROW)
    page = visit(f"{site}/desk", cast.organizer)
    page.get_by_role("link", name="New broadcast").click()
    page.locator("#text").fill("Doors open at nine")
    expect(page.locator("[data-recipients]")).to_have_text("5")
    expect(page.locator("[data-sample-item] .text")).to_have_text("Doors open at nine")
    # For now nobody is asked when; for later they are, in the event's own zone.
    expect(page.get_by_label("Goes out at")).to_be_hidden()
    page.get_by_label("Later").check()
    expect(page.get_by_label("Goes out at")).to_be_visible()
    expect(page.get_by_text("In the event's time zone, Europe/Berlin.")).to_be_visible()
    page.get_by_label("Now").check()
    page.get_by_label("Attendee").check()
    page.get_by_label("Send it as a text message, too").check()
    expect(page.locator("[data-excluded]")).to_have_text("No phone number2")
    expect(page.locator("[data-segments]")).to_have_text("1")
    everyone_can_use(page)
    page.get_by_role("button", name="Send now to 2").click()
    expect(page.locator("[data-status-pill]")).to_have_text("Going out")
    expect(page.locator("[data-remaining]")).to_have_text("1")
    made = finish(Broadcast.objects.get())
    expect(page.locator("[data-status-pill]")).to_have_text("Published")
    expect(page.locator('[data-count-of="queued"]')).to_have_text("2")
    expect(reader.locator(".item.announcement.new .text")).to_have_text("Doors open at nine")
    # Seen for a while it counts as read.
    wait_until(lambda: FeedMarker.objects.filter(user_id=cast.attendee.id, read_message_id=made.message_id).exists())
    expect(reader.locator('[data-unread="feed"]')).to_be_hidden()
    # The texts go nowhere: the bar moves while it is looked at, and says why and what to do.
    sending.send_batch(10)
    progress.tell_texts(now=timezone.now() + timedelta(seconds=5))
    expect(page.locator('[data-count-of="suppressed"]')).to_have_text("2")
    expect(page.locator("td", has_text="They have no number here.")).to_be_visible()
    assert float(page.locator('rect[data-part="suppressed"]').get_attribute("width")) == 100
    everyone_can_use(page)
    page.get_by_role("link", name="Figures").click()
    expect(page.locator(".columns:visible rect.announcement")).to_have_count(1)
    expect(page.locator(".reads .share")).to_contain_text("1 (50 %)")
    page.get_by_text("Messages by day as a table").click()
    expect(page.locator("figure tbody tr")).to_have_count(14)
    everyone_can_use(page)
    # A moderator looks on at all of it, and announces nothing.
    guard = visit(f"{site}/desk", cast.moderator, color_scheme="dark")
    expect(guard.locator(".broadcasts .text")).to_have_text("Doors open at nine")
    everyone_can_use(guard)
    assert guard.get_by_role("link", name="New broadcast").count() == 0
    assert guard.locator(".filters a").all_inner_texts() == ["Broadcasts", "Figures"]
    # What they take down gives way to its placeholder at once, where it is being read.
    messages.remove(made.message_id, reason="Wrong", by=cast.moderator)
    expect(reader.locator(".item .text")).to_have_text("This message was removed by a moderator.")


def test_help_is_asked_for_found_offered_and_closed(cast, site, visit):
    board = f"{site}/e/{cast.event.id}/help"
    asking = visit(board, cast.dealer)
    asking.get_by_text("Ask for help").click()
    asking.get_by_label("In a few words").fill("Tape")
    asking.get_by_label("What should helpers know?").fill("Has anybody some left? Hall 2.")
    asking.get_by_role("button", name="Put it on the board").click()
    expect(asking.get_by_text("Your request is on the board.")).to_be_visible()
    # Not on one's own.
    assert asking.get_by_text("Offer help").count() == 0
    helping = visit(board, cast.attendee, viewport=NARROW, color_scheme="dark")
    helping.get_by_role("link", name="Open", exact=True).click()
    helping.get_by_text("Offer help").click()
    everyone_can_use(helping)
    helping.get_by_label("How can you help?").fill("I have some, by the stage")
    helping.get_by_role("button", name="Send the offer").click()
    expect(bubbles(helping)).to_have_text(["I have some, by the stage"])
    # Whoever asked is told, and reads it; a dealer is told in the composer's place why there is none.
    expect(asking.locator('[data-unread="conversations"]')).to_contain_text("1")
    asking.get_by_role("link", name="Messages").click()
    asking.locator("#conversations a", has_text="Attendee").click()
    expect(bubbles(asking)).to_have_text(["I have some, by the stage"])
    expect(asking.locator(".composer")).to_have_text("Dealers read here, but do not write.")
    expect(helping.locator(".seen")).to_have_text("Read")
    asking.goto(board)
    asking.get_by_role("button", name="Close").click()
    expect(asking.locator(".requests .pill")).to_have_text("Closed")
    helping.goto(board)
    expect(helping.get_by_role("link", name="Open the conversation")).to_be_visible()
    assert helping.get_by_text("Offer help").count() == 0


def test_the_directory_leads_to_whom_the_table_allows(cast, site, visit):
    join(make_event("second"), cast.mvp_dealer)
    people = f"{site}/e/{cast.event.id}/people"
    pages = {role: visit(people, getattr(cast, role)) for role in ("attendee", "dealer", "mvp_dealer")}
    for role, page in pages.items():
        allowed = {getattr(cast, name).name for name in CAN_MESSAGE[role]}
        assert {text.strip() for text in page.locator(".people a .unseen").all_text_contents()} == allowed
    page = pages["mvp_dealer"]
    page.get_by_placeholder("Find somebody by name").fill("attendee 2")
    page.keyboard.press("Enter")
    expect(page.locator(".people strong")).to_have_text(["Attendee 2"])
    everyone_can_use(page)
    page.get_by_role("link", name="Message Attendee 2").click()
    page.locator("#first").fill("Number 58 came in")
    page.wait_for_load_state()
    page.reload()
    # What was begun is kept, for this person.
    expect(page.locator("#first")).to_have_value("Number 58 came in")
    page.goto(people.replace("/people", "/messages/new"))
    expect(page.locator("#first")).to_have_value("")
    page.go_back()
    expect(page.locator("#first")).to_have_value("Number 58 came in")
    page.get_by_role("button", name="Send").click()
    expect(bubbles(page)).to_have_text(["Number 58 came in"])
    # Who got it reports it, and looks up what became of that; then blocks its sender.
    other = visit(page.url, cast.attendee_2, viewport=NARROW, color_scheme="dark")
    other.get_by_text("More about this message").locator("..").click()
    other.get_by_role("link", name="Report").click()
    other.get_by_label("Spam").check()
    everyone_can_use(other)
    other.get_by_role("button", name="Report").click()
    expect(other.get_by_text("A moderator will look at it")).to_be_visible()
    other.locator(".thread > .head .more summary").click()
    other.get_by_role("button", name="Block Mvp Dealer").click()
    expect(other.locator(".composer")).to_have_text("One of you has blocked the other.")
    other.goto(f"{site}/you")
    expect(other.locator(".people .pill")).to_have_text("Waiting for a moderator")
    everyone_can_use(other)
    page.goto(people)
    assert page.get_by_role("link", name="Message Attendee 2").count() == 0
    page.goto(people.replace("/people", "/messages/new"))
    everyone_can_use(page)
    page.locator(".switcher summary").click()
    page.get_by_role("link", name="Second").click()
    expect(page.locator(".switcher summary")).to_contain_text("Attendee")


def test_an_organizer_brings_members_in_and_tags_them(cast, site, visit):
    page = visit(f"{site}/e/{cast.event.id}/desk/members", cast.organizer)
    page.get_by_role("link", name="Bring in a file").click()
    lines = "username,name,role,tags\nzoe,Zoë,attendee,hall-a\nattendee,,dealer,\nx,,boss,\n"
    page.get_by_label("File").set_input_files({"name": "new.csv", "mimeType": "text/csv", "buffer": lines.encode()})
    page.get_by_role("button", name="See what would change").click()
    expect(page.locator(".errors li")).to_have_text(re.compile(r"^line 4, role Give one of "))
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr", has_text="changed").locator("del")).to_have_text("Attendee")
    everyone_can_use(page)
    assert not User.objects.filter(username="zoe").exists()
    page.get_by_role("button", name="Bring them in").click()
    expect(page.get_by_text("Brought in: 1 new, 1 changed, 1 refused.")).to_be_visible()
    page.get_by_placeholder("Name or username").fill("e")
    page.get_by_label("Role").select_option("attendee")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".members tbody strong")).to_have_text(["Zoë", "Attendee 2"])
    page.locator("[data-all]").check()
    page.get_by_label("Give the tags").fill("early, crew")
    page.get_by_label("Take the tags").fill("hall-a")
    everyone_can_use(page)
    page.get_by_role("button", name="Change (2)").click()
    expect(page.get_by_text("2 members have other tags now.")).to_be_visible()
    assert Membership.objects.get(user__username="zoe").tags == ["early", "crew"]


# The days above look at pages as they come by them; in the long run all are looked at in each of these.
WINDOWS = [(360, "dark"), (1280, "light"), (360, "light"), (1280, "dark")]


def test_everyone_can_read_and_use_every_page(cast, talk, site, visit):
    said = publishing.publish(by=cast.organizer, event_id=cast.event.id, message_type="channel", content="x" * 200)
    publishing.deliver_all(said)
    conversations.offer_help(_asked(cast), "I have some tape", by=cast.attendee)
    event = f"{site}/e/{cast.event.id}"
    addresses = {None: [f"{site}/", f"{site}/sign-in"], "attendee": [event, f"{event}/messages/{talk.id}"]}
    windows = WINDOWS[:1]
    if os.environ.get("CALLBOARD_TEST_LONG"):
        windows = WINDOWS
        addresses["attendee"] += [f"{event}/people", f"{event}/help", f"{event}/report/{said.id}", f"{site}/you"]
        addresses["organizer"] = [f"{event}/messages/new", f"{event}/desk", f"{event}/desk/compose"]
        addresses["organizer"] += [f"{event}/desk/members", f"{event}/desk/members/bring", f"{event}/desk/figures"]
    for role, places in addresses.items():
        page = visit(places[0], role and getattr(cast, role))
        for place in places:
            if page.url != place:
                page.goto(place)
            for width, scheme in windows:
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)
                everyone_can_use(page)


def _asked(cast):
    from events.models import HelpRequest

    return HelpRequest.objects.create(event=cast.event, requester=cast.dealer, title="Tape", details="Any?").id
