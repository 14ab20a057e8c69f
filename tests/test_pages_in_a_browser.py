"""The pages as people use them: two who talk live, an organizer who watches, and everyone who needs to read them."""

from __future__ import annotations

import os
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from broadcasts.models import Broadcast
from messaging import conversations, publishing
from messaging.models import Conversation, Message
from tests import site as sites
from tests.broadcasts.conftest import finish
from tests.browsing import NARROW, violations
from tests.messaging.conftest import change, start

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
    assert mine.locator("#conversations [data-last]").inner_text() == "Let me look"
    assert theirs.locator("#conversations [data-last]").text_content() == "You: Let me look"


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


def test_an_organizer_announces_and_watches_it_arrive(cast, site, visit):
    reader = visit(f"{site}/e/{cast.event.id}", cast.attendee, viewport=NARROW)
    page = visit(f"{site}/desk", cast.organizer)
    page.get_by_role("link", name="New broadcast").click()
    page.locator("#text").fill("Doors open at nine")
    expect(page.locator("[data-recipients]")).to_have_text("5")
    expect(page.locator("[data-sample-item] .text")).to_have_text("Doors open at nine")
    page.get_by_label("Attendee").check()
    expect(page.get_by_role("button", name="Send now to 2")).to_be_visible()
    page.get_by_label("Send it as a text message, too").check()
    expect(page.locator("[data-excluded]")).to_contain_text("No phone number")
    expect(page.locator("[data-segments]")).to_have_text("1")
    page.get_by_label("Send it as a text message, too").uncheck()
    page.get_by_role("button", name="Send now to 2").click()
    expect(page.locator("[data-status-pill]")).to_have_text("Going out")
    expect(page.locator("[data-remaining]")).to_have_text("1")
    finish(Broadcast.objects.get())
    expect(page.locator("[data-status-pill]")).to_have_text("Published")
    expect(page.locator('[data-count-of="delivered"]')).to_have_text("2")
    expect(reader.locator(".item.announcement.new .text")).to_have_text("Doors open at nine")
    # Seen for a while it counts as read.
    expect(reader.locator('[data-unread="feed"]')).to_be_hidden()


def test_a_removed_message_gives_way_to_its_placeholder_at_once(cast, site, visit):
    from messaging import messages

    said = publishing.publish(by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Oops")
    publishing.deliver_all(said)
    page = visit(f"{site}/e/{cast.event.id}", cast.attendee)
    expect(page.locator(".item .text")).to_have_text("Oops")
    messages.remove(said.id, reason="Wrong", by=cast.moderator)
    expect(page.locator(".item .text")).to_have_text("This message was removed by a moderator.")


# The other two pairs in the long run.
WINDOWS = [(360, "dark"), (1280, "light")]
if os.environ.get("CALLBOARD_TEST_LONG"):
    WINDOWS += [(360, "light"), (1280, "dark")]


def test_everyone_can_read_and_use_every_page(cast, talk, site, visit):
    said = publishing.publish(by=cast.organizer, event_id=cast.event.id, message_type="channel", content="x" * 200)
    publishing.deliver_all(said)
    conversations.offer_help(_asked(cast), "I have some tape", by=cast.attendee)
    event = f"{site}/e/{cast.event.id}"
    addresses = {None: [f"{site}/", f"{site}/sign-in"], "attendee": [event, f"{event}/messages/{talk.id}"]}
    addresses["attendee"] += [f"{event}/people", f"{event}/help", f"{event}/report/{said.id}", f"{site}/you"]
    addresses["organizer"] = [f"{event}/messages/new", f"{event}/desk", f"{event}/desk/compose"]
    addresses["organizer"] += [f"{event}/desk/members", f"{event}/desk/members/bring", f"{event}/desk/figures"]
    for role, places in addresses.items():
        page = visit(places[0], role and getattr(cast, role))
        for place in places:
            if page.url != place:
                page.goto(place)
            for width, scheme in WINDOWS:
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (place, width)
                assert violations(page) == [], (place, width, scheme)


def _asked(cast):
    from events.models import HelpRequest

    return HelpRequest.objects.create(event=cast.event, requester=cast.dealer, title="Tape", details="Any?").id


def test_the_keyboard_reaches_everything_and_the_way_back(cast, talk, site, visit):
    page = visit(f"{site}/e/{cast.event.id}/messages/{talk.id}", cast.attendee)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.locator(".thread > .head .more summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Block Mvp Dealer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Block Mvp Dealer")).to_be_hidden()
    assert re.fullmatch(r".*summary.*", page.evaluate("document.activeElement.tagName").lower())
