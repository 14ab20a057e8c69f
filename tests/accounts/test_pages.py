"""The doors: signing in and out on pages, and what every page has."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.models import Session

from accounts.models import AuditEntry
from events import demo
from messaging.models import Message
from tests.messaging.conftest import start
from tests.pages import Form, Visitor

pytestmark = pytest.mark.django_db

PASSWORD = "a password for tests"


@pytest.fixture
def attendee(cast):
    cast.attendee.set_password(PASSWORD)
    cast.attendee.phone = "+4915112345678"
    cast.attendee.save()
    return cast.attendee


@pytest.mark.parametrize("name", ["attendee", "+49 151 12345678"])
def test_a_person_signs_in_by_username_or_phone_and_is_where_they_wanted_to_be(cast, attendee, name):
    visitor = Visitor()
    visitor.get(f"/e/{cast.event.id}/people")
    assert visitor.address.startswith("/sign-in?next=")
    visitor.post("/sign-in", username=name, password=PASSWORD)
    assert (visitor.status, visitor.address) == (200, f"/e/{cast.event.id}/people")
    assert AuditEntry.objects.filter(actor_id=attendee.id, action="page_login").count() == 1
    visitor.post("/sign-out")
    assert visitor.address == "/"
    assert not Session.objects.exists()
    assert visitor.get("/inbox")
    assert visitor.address.startswith("/sign-in")


@pytest.mark.parametrize("name", ["attendee", "nobody", ""])
def test_what_is_wrong_is_told_alike_and_keeps_the_name(attendee, name):
    visitor = Visitor()
    visitor.get("/sign-in")
    page = visitor.post("/sign-in", username=name, password="wrong")
    assert visitor.status == 401
    assert "do not belong together" in page
    assert f'value="{name}"' in page
    assert 'aria-describedby="wrong"' in page
    assert not Session.objects.exists()


def test_attempts_are_limited_by_the_count_of_the_api(attendee, api, settings):
    settings.LOGIN_LIMIT_PER_ACCOUNT = 2
    body = {"username": "attendee", "password": "wrong"}
    assert [api().post("/auth/login", body).status_code for _ in range(2)] == [401, 401]
    visitor = Visitor()
    visitor.get("/sign-in")
    assert "a bit fast" in visitor.post("/sign-in", username="attendee", password=PASSWORD)
    assert visitor.status == 429
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(attendee, cast, wanted):
    visitor = Visitor()
    visitor.get("/sign-in")
    visitor.post("/sign-in", username="attendee", password=PASSWORD, next=wanted)
    assert visitor.address == f"/e/{cast.event.id}"


def test_a_form_without_the_mark_of_its_page_does_nothing(attendee):
    visitor = Visitor()
    visitor.send("/sign-in", username="attendee", password=PASSWORD)
    assert visitor.status == 403
    assert not Session.objects.exists()


def test_the_demo_is_one_click_away_and_only_there(db, settings, client):
    settings.DEMO = True
    page = client.get("/").content.decode()
    assert page.count('action="/sign-in"') == len(demo.sign_ins())
    settings.DEMO = False
    assert 'action="/sign-in"' not in client.get("/").content.decode()


def test_one_click_signs_in(db, settings):
    settings.DEMO = True
    cast = demo.seed()
    visitor = Visitor()
    visitor.get("/")
    visitor.post("/sign-in", username="demo_organizer", password="demo-organizer", next="/desk")
    assert visitor.address == f"/e/{cast.event.id}/desk"


PAGES = ("", "/messages", "/messages/new", "/people", "/help", "/desk", "/desk/compose", "/desk/members",
         "/desk/members/bring", "/desk/figures")  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_pages_run_and_load_only_what_is_ours(cast, page):
    visitor = Visitor(cast.organizer)
    shown = visitor.get(f"/e/{cast.event.id}{page}")
    assert visitor.status == 200
    policy = visitor.response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert visitor.response["Cache-Control"] == "private, no-store"
    assert not re.search(r"<style| style=| on[a-z]+=\"|<script(?! type=\"module\" src=\"/static/)", shown)
    assert not re.search(r"(src|href|action)=\"(https?:)?//", shown)


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_an_event_are_for_its_members(cast, page):
    for user in (cast.stranger, cast.removed):
        visitor = Visitor(user)
        visitor.get(f"/e/{cast.event.id}{page}")
        assert visitor.status == 404
    visitor = Visitor()
    visitor.get(f"/e/{cast.event.id}{page}")
    assert visitor.address.startswith("/sign-in")


@pytest.mark.parametrize("page", ["/e/no-id", "/e/01a1ff03-3209-7172-9a15-7c3c7d30019b/messages/x", "/e/x/desk"])
def test_what_is_no_id_leads_nowhere(cast, page):
    visitor = Visitor(cast.attendee)
    visitor.get(page)
    assert visitor.status == 404


@pytest.mark.parametrize("role", ["attendee", "dealer", "mvp_dealer", "moderator"])
def test_who_looks_after_no_members_sees_no_desk_of_theirs(cast, role):
    visitor = Visitor(getattr(cast, role))
    for page in ("/desk/members", "/desk/members/bring"):
        visitor.get(f"/e/{cast.event.id}{page}")
        assert visitor.status == 403


def test_staff_who_are_no_member_look_on_without_an_inbox(cast):
    visitor = Visitor(cast.staff)
    assert "no inbox" in visitor.get(f"/e/{cast.event.id}")
    assert visitor.status == 200


def test_pages_speak_the_language_that_is_chosen_and_the_api_does_not(cast, api, refused):
    visitor = Visitor(cast.attendee, accept_language="de")
    assert 'lang="de"' in visitor.get(f"/e/{cast.event.id}/people")
    assert ">Leute<" in visitor.page
    visitor.get("/you")
    visitor.post("/language", language="en")
    assert 'lang="en"' in visitor.page
    answer = api(cast.attendee).post(f"/events/{cast.event.id}/help-requests", {"title": ""}, accept_language="de")
    assert answer.json()["title"] == "The input is not valid."
    assert {"pointer": "#/details", "detail": "This field is required."} in answer.json()["errors"]


def test_times_are_in_the_zone_of_the_viewer(cast):
    from events.models import HelpRequest

    HelpRequest.objects.create(
        event=cast.event, requester=cast.dealer, title="Tape", details="Any", created_at="2026-01-05T12:00:00Z"
    )
    visitor = Visitor(cast.attendee)
    visitor.client.cookies["callboard_zone"] = "Asia/Tokyo"
    assert 'title="2026-01-05 21:00 JST"' in visitor.get(f"/e/{cast.event.id}/help")
    visitor.client.cookies["callboard_zone"] = "../../etc/passwd"
    assert 'title="2026-01-05 12:00 UTC"' in visitor.get(f"/e/{cast.event.id}/help")


def write_late(cast, visitor: Visitor, talk) -> str:
    """The address of a form of which its writer does not know yet that the session has ended."""
    address = f"/e/{cast.event.id}/messages/{talk.id}"
    visitor.get(address)
    Session.objects.all().delete()
    visitor.post(address, content="A long <b>thought</b>")
    assert visitor.first_status == 401
    assert "What you wrote is kept" in visitor.page
    return address


def test_what_was_written_after_the_session_ended_is_sent_by_a_button(cast, attendee):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    visitor = Visitor(attendee)
    address = write_late(cast, visitor, talk)
    visitor.post("/sign-in", username="attendee", password="wrong")
    assert visitor.status == 401
    page = visitor.post("/sign-in", username="attendee", password=PASSWORD)
    assert "A long &lt;b&gt;thought&lt;/b&gt;</blockquote>" in page
    assert not Message.objects.filter(sender=attendee).exists()
    fields = Form(page, address).fields
    for _ in range(2):
        visitor.send(address, **fields)
    assert Message.objects.get(sender=attendee).content == "A long <b>thought</b>"


@pytest.mark.parametrize(("site", "is_offered"), [("same-origin", True), ("same-site", False), ("cross-site", False)])
def test_a_page_from_before_the_last_sign_in_offers_to_send_it_again_and_no_other_site_does(
    cast, attendee, site, is_offered
):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    visitor = Visitor(attendee, sec_fetch_site=site)
    address = f"/e/{cast.event.id}/messages/{talk.id}"
    visitor.get(address)
    old = Form(visitor.page, address).fields
    visitor.client.post("/sign-out", {"csrfmiddlewaretoken": old["csrfmiddlewaretoken"]})
    visitor.get("/sign-in")
    visitor.post("/sign-in", username="attendee", password=PASSWORD)
    page = visitor.send(address, **{**old, "content": "Still here"})
    assert visitor.status == 403
    assert not Message.objects.filter(sender=attendee).exists()
    assert ("Still here" in page) == is_offered
    if is_offered:
        visitor.post(address)
        assert Message.objects.get(sender=attendee).content == "Still here"


@pytest.mark.parametrize(
    "kept", ["x", "[]", '{"action": "//evil.example/", "fields": []}', '{"action": "/", "fields": 1}']
)
def test_what_is_no_form_of_ours_is_not_offered(attendee, kept):
    visitor = Visitor()
    visitor.get("/sign-in")
    visitor.post("/sign-in", username="attendee", password=PASSWORD, kept=kept)
    assert "evil" not in visitor.page
    assert "Send it now" not in visitor.page


def test_staff_who_sign_in_on_pages_are_not_in_the_console_without_their_second_factor(cast, settings):
    settings.SECOND_FACTOR = True
    cast.staff.set_password(PASSWORD)
    cast.staff.save()
    visitor = Visitor()
    visitor.get("/sign-in")
    visitor.post("/sign-in", username=cast.staff.username, password=PASSWORD)
    for place in ("/admin/", "/admin/accounts/user/", "/admin/moderation/case/"):
        visitor.get(place)
        assert visitor.first_status in (302, 403), place
        assert "second" in visitor.address, (place, visitor.address)
